package ledger

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// A bag gives each key as often as it was put in, wherever the keys lie.
func TestBag(t *testing.T) {
	key := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Uint64Range(math.MaxUint64-3, math.MaxUint64))
	rapid.Check(t, func(t *rapid.T) {
		var keys []itemkey.Key
		left := map[itemkey.Key]int{}
		for _, k := range rapid.SliceOfN(key, 0, 300).Draw(t, "keys") {
			keys = append(keys, itemkey.Key(k))
			left[itemkey.Key(k)]++
		}
		bag := newBag(slices.Clone(keys))
		for _, k := range rapid.SliceOfN(key, 0, 50).Draw(t, "others") {
			keys = append(keys, itemkey.Key(k), itemkey.Key(k))
		}
		for i, k := range append(keys, keys...) {
			if got, want := bag.take(k), left[k] > 0; got != want {
				t.Fatalf("take %d of %x: %v, want %v", i, uint64(k), got, want)
			}
			left[k]--
		}
	})
}

// While a listing is the earlier one, taking it up keeps no keys in memory.
func TestAnUnchangedListingTakesNoMemory(t *testing.T) {
	const items, most = 1_000_000, 4 << 20
	b := recordBuffer{bytes: []byte(magic)}
	keys := make([]itemkey.Key, items)
	for i := range keys {
		keys[i] = itemkey.At(1, uint64(i))
	}
	b.keys(0, keys)
	b.spans(kindDone, Spans{{First: 0, Count: items}})
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	s, err := stateOf(b.bytes)
	if err != nil {
		t.Fatal(err)
	}
	known := s.knownIn(bytes.NewReader(b.bytes))
	for i, key := range keys {
		if i == items/2 {
			if after := used(); after > before+most {
				t.Errorf("half of %d items take %d bytes", items, after-before)
			}
		}
		if !known.take(key) {
			t.Fatalf("item %d is not known", i)
		}
	}
	if known.take(keys[0]) || known.changed() || known.failed() != nil {
		t.Errorf("after the last item: changed %v, %v", known.changed(), known.failed())
	}
	runtime.KeepAlive(b.bytes)
}
