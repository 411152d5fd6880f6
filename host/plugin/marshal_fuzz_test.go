package plugin

import (
	"bytes"
	"encoding/json"
	"testing"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// FuzzMarshalBlock lets a plugin send anything as a block of marshal: it is refused, or becomes as many lines of JSON as it has items.
func FuzzMarshalBlock(f *testing.F) {
	for _, seed := range []string{
		"[\x00\x00\x00\x00", "[\x01\x00\x00\x00{z\x01ai\x07\x00\x00\x000", "[\x02\x00\x00\x00\xfb\xda\x01kNr\x01\x00\x00\x00T0r\x01\x00\x00\x00",
		"[\x01\x00\x00\x00{u\x02\x00\x00\x00\xc3\xa9l\xfe\xff\xff\xff\x01\x00\x02\x000", "[\xff\xff\xff\x7f{", "[\x01\x00\x00\x00{t\xff\xff\xff\xff", "(",
	} {
		f.Add(uint32(1), []byte(seed))
		f.Add(uint32(2), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, count uint32, data []byte) {
		m, err := newMarshalBlock(&pb.Block{Count: count, Payload: data})
		if err != nil {
			return
		}
		items := 0
		for m.left > 0 {
			block, err := m.next()
			if err != nil {
				return
			}
			lines := bytes.Split(block.Payload, []byte{'\n'})
			if len(lines) != block.Count || block.Count == 0 {
				t.Fatalf("%d lines for %d items", len(lines), block.Count)
			}
			for _, line := range lines {
				if !json.Valid(line) {
					t.Fatalf("%q is not JSON", line)
				}
			}
			items += block.Count
		}
		if items != int(count) {
			t.Fatalf("%d items of %d", items, count)
		}
	})
}
