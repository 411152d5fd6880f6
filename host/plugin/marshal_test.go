package plugin

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
	"github.com/kagurazaka/kagurazaka/host/hosttest"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// marshalAndJSON prints blocks as marshal and as JSON Lines, as the SDK encodes them.
const marshalAndJSON = `
import random, sys
from kagurazaka._serve import items as wire
draw = random.Random(1)
shared = "a text that many items have" * 3
texts = ["", "x", "/data/in/1.jpg", 'quoted " and \\ back', "\n\r\t\f\b\0\x1f\x7f", "ü", "猫" * 100, "\U0001f600", "y" * 300, "\uffff", "\ud7ff"]
numbers = [0, 1, -1, 127, 255, 2**31 - 1, -2**31, 2**31, -2**31 - 1, 2**63, -2**63, 2**64, 10**50, -10**50, 2**15, 2**30, 2**60 - 1, 237, True, False, None]
blocks = [[{}], [{"a": n} for n in numbers], [{"a": t, t: 1} for t in texts]]
for _ in range(200):
    same = {"same": shared, "猫": draw.choice(numbers)}
    block = []
    for _ in range(draw.randrange(1, 40)):
        item = {draw.choice(texts): draw.choice(texts + numbers + [shared]) for _ in range(draw.randrange(5))}
        block.append(draw.choice([item, item, item, same]))
    blocks.append(block)
for block in blocks:
    print(len(block), wire.encode_marshal(block).hex(), wire.encode_lines(block).hex())
`

func TestItemsOfMarshalAreTheLinesThatPythonWrites(t *testing.T) {
	python := hosttest.NeedPython(t, "../..")
	cmd := exec.Command(python, "-c", marshalAndJSON)
	cmd.Env = append(cmd.Environ(), "PYTHONPATH=../../sdk/python")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		want := unhex(t, fields[2])
		payload := unhex(t, fields[1])
		m, err := newMarshalBlock(&pb.Block{Count: uint32(bytes.Count(want, []byte("\n")) + 1), Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.next()
		if err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if !bytes.Equal(b.Payload, want) || m.left != 0 || m.at != len(payload) {
			t.Fatalf("%q: got\n%s\nand %d items to come at %d, want\n%s", payload, b.Payload, m.left, m.at, want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMarshalThatBreaksTheProtocolIsRefused(t *testing.T) {
	for payload, want := range map[string]string{
		"":                                      "it ends in the middle of an item",
		"{0":                                    "it is not a list",
		"[\x02\x00\x00\x00{0{0":                 "it has 2 items",
		"[\x01\x00\x00\x00":                     "it ends in the middle of an item",
		"[\x01\x00\x00\x00{":                    "it ends in the middle of an item",
		"[\x01\x00\x00\x00N":                    "an item is of type 'N'",
		"[\x01\x00\x00\x00{NN0":                 "a key is of type 'N'",
		"[\x01\x00\x00\x00{z\x01a{00":           "a value is of type '{'",
		"[\x01\x00\x00\x00{z\x09a":              "it ends in the middle of an item",
		"[\x01\x00\x00\x00{z\x01\xff":           "a text is not UTF-8",
		"[\x01\x00\x00\x00r\x00\x00\x00\x00":    "it refers to object 0 of 0",
		"\xdb\x01\x00\x00\x00r\x00\x00\x00\x00": "an item is of type '['",
		"[\x01\x00\x00\x00\xfbz\x01ar\x00\x00\x00\x00": "a value is of type '{'",
		"[\x01\x00\x00\x00{z\x01al\xff\xff\xff\x7f":    "it ends in the middle of an item",
	} {
		m, err := newMarshalBlock(&pb.Block{Count: 1, Payload: []byte(payload)})
		if err == nil {
			_, err = m.next()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", payload, err, want)
		}
	}
}

// A block that was not divided goes to workers as the lister sent it; a part of it does not.
func TestUndividedBlocksOfMarshalStayMarshal(t *testing.T) {
	payload := []byte("[\x02\x00\x00\x00{\xda\x01ai\x01\x00\x00\x000{r\x00\x00\x00\x00i\x02\x00\x00\x000")
	block, err := new(Lister).block(&pb.Block{Encoding: pb.Encoding_ENCODING_MARSHAL, Count: 2, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	whole := []backbones.Part{{Block: block, Take: 2}}
	for _, c := range []struct {
		parts   []backbones.Part
		payload string
	}{
		{whole, string(payload)},
		{cut.Slice(whole, 0, 1), `{"a":1}`},
		{cut.Slice(whole, 1, 1), `{"a":2}`},
		{[]backbones.Part{{Block: block.Detached(), Take: 2}}, `{"a":1}` + "\n" + `{"a":2}`},
	} {
		got := toParts(c.parts)[0].GetBlock()
		if string(got.GetPayload()) != c.payload || (got.GetEncoding() == pb.Encoding_ENCODING_MARSHAL) != (c.payload == string(payload)) {
			t.Errorf("got %v, want the payload %q", got, c.payload)
		}
	}
}
