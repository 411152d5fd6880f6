package cut

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// A failed item says what it is known by in a later run, wherever its chunk has been cut.
func TestFailed(t *testing.T) {
	json := backbones.Block{Count: 2, First: 10, Payload: []byte("{}\n[]")}
	opaque := backbones.Block{Encoding: backbones.Opaque, Count: 3, First: 20, ContentKeys: []uint64{7, 8, 9}}
	parts := []backbones.Part{{Block: json, Take: 2}, {Block: opaque, Skip: 1, Take: 2}}
	for position, want := range []backbones.FailedItem{
		{Number: 10}, {Number: 11},
		{Number: 21, Encoding: backbones.Opaque, ContentKey: 8}, {Number: 22, Encoding: backbones.Opaque, ContentKey: 9},
	} {
		want.Item, want.Failure = "shown", backbones.Failure{Attempts: position}
		if diff := cmp.Diff(want, Failed(parts, position, "shown", want.Failure)); diff != "" {
			t.Errorf("position %d: %s", position, diff)
		}
	}
	one := Slice(parts, 3, 1)
	if got := Failed(one, 0, "", backbones.Failure{}); got.Number != 22 || got.ContentKey != 9 {
		t.Errorf("the last alone: %+v", got)
	}
}
