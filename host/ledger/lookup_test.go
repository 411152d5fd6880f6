package ledger

import (
	"math"
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
