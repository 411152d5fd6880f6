package itemkey

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// The format must never change: these were made by another program, from its description in docs/design/ledger.md.
func TestKeys(t *testing.T) {
	numbered := make([]byte, 64)
	for i := range numbered {
		numbered[i] = byte(i)
	}
	for text, want := range map[string]Key{
		``:                0x8E96060D57C9A260,
		`a`:               0x9518B0A37D9F2D00,
		`{}`:              0x83A3F7C17A314B45,
		`{"i":1}`:         0xE4DA8CDABD109F56,
		`{"i":10}`:        0x554AED28B71CA6B0,
		`{"i":123456789}`: 0x9A3C9AF358627250,
		`{"i":1234567,"path":"/data/in/567/1234567.jpg"}`: 0x33D7575F2B079769,
		string(numbered): 0x2CFF707B16387E85,
	} {
		if got := Of([]byte(text)); got != want {
			t.Errorf("%q: %x, want %x", text, uint64(got), uint64(want))
		}
	}
	if got, want := At(1, 2), Key(0xBCCCEAE50C432E13); got != want {
		t.Errorf("seed 1, position 2: %x, want %x", uint64(got), uint64(want))
	}
}

// Every bit of an item, and its length, changes about half of the key's bits.
func TestKeysSpread(t *testing.T) {
	for _, n := range []int{1, 7, 8, 15, 16, 17, 31, 32, 33, 47, 64, 100} {
		text := []byte(strings.Repeat("kagurazaka ", 10)[:n])
		base := Of(text)
		changed := 0
		for bit := range 8 * n {
			text[bit/8] ^= 1 << (bit % 8)
			d := bits.OnesCount64(uint64(base ^ Of(text)))
			text[bit/8] ^= 1 << (bit % 8)
			if d < 8 {
				t.Errorf("length %d: bit %d changes %d bits", n, bit, d)
			}
			changed += d
		}
		if mean := float64(changed) / float64(8*n); mean < 28 || mean > 36 {
			t.Errorf("length %d: a bit changes %.1f bits on average", n, mean)
		}
	}
	seen := map[Key]bool{}
	for i := range 1 << 19 {
		seen[Of(fmt.Appendf(nil, `{"i":%d}`, i))] = true
		seen[At(7, uint64(i))] = true
	}
	if len(seen) != 1<<20 {
		t.Errorf("%d of %d keys are different", len(seen), 1<<20)
	}
}
