package ledger

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// known are items of earlier runs: first those that the runs before had finished, then those that the run itself listed, in its order.
// While a new listing is the earlier one, its items are compared one by one. From the first that differs, they are looked up among
// the rest of the finished items.
type known struct {
	keys []itemkey.Key
	// finished are those that need not be done again.
	finished bitset
	// mixed: they are of several listings.
	mixed bool
	// at is the position of the next item; bag has the rest of the finished items, once an item has differed.
	at  int
	bag *bag
}

type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) set(i int)      { b[i/64] |= 1 << (i % 64) }

func newKnown(most int, mixed bool) known {
	return known{keys: make([]itemkey.Key, 0, most), finished: newBitset(most), mixed: mixed}
}

func (k *known) add(key itemkey.Key, finished bool) {
	if finished {
		k.finished.set(len(k.keys))
	}
	k.keys = append(k.keys, key)
}

// take reports whether an item of a new listing is finished. It is asked once for each item, in the order of the listing.
func (k *known) take(key itemkey.Key) bool {
	if k.bag != nil {
		return k.bag.take(key)
	}
	if k.at == len(k.keys) {
		return false
	}
	if k.keys[k.at] == key {
		k.at++
		return k.finished.has(k.at - 1)
	}
	rest := k.keys[k.at:k.at]
	for i := k.at; i < len(k.keys); i++ {
		if k.finished.has(i) {
			rest = append(rest, k.keys[i])
		}
	}
	k.bag = newBag(rest)
	return k.bag.take(key)
}

// changed reports whether an item differed from the earlier listing.
func (k *known) changed() bool { return k.bag != nil && !k.mixed }

// bag is a multiset of keys: one that is there twice can be taken twice.
type bag struct {
	// keys are sorted; the bits of taken are those of keys. Of keys that are the same the first are taken first.
	keys  []itemkey.Key
	taken bitset
	// starts has the position of the first key of each bucket. Keys are spread evenly, so their first bits tell the bucket. A search
	// through all keys would miss the cache at every step.
	starts []uint32
	shift  int
}

// bucketKeys is about how many keys share a bucket.
const bucketKeys = 8

// newBag makes a bag of keys, which it sorts. There are fewer than 2^32.
func newBag(keys []itemkey.Key) *bag {
	slices.Sort(keys)
	b := &bag{keys: keys, taken: newBitset(len(keys))}
	b.starts, b.shift = bucketsOf(len(keys), func(i int) itemkey.Key { return keys[i] })
	return b
}

// bucketsOf finds where the buckets of n sorted keys begin, and by how many bits a key is shifted to tell its bucket.
func bucketsOf(n int, key func(int) itemkey.Key) (starts []uint32, shift int) {
	width := bits.Len(uint(n / bucketKeys))
	starts, shift = make([]uint32, 1<<width+1), 64-width
	bucket := 0
	for i := range n {
		for ; bucket <= int(uint64(key(i))>>shift); bucket++ {
			starts[bucket] = uint32(i)
		}
	}
	for ; bucket < len(starts); bucket++ {
		starts[bucket] = uint32(n)
	}
	return starts, shift
}

// bucket is the bucket of a key. A shift by 64 leaves nothing: one bucket.
func (b *bag) bucket(k itemkey.Key) int { return int(uint64(k) >> b.shift) }

// take reports whether a key is in the bag, and takes it out.
func (b *bag) take(k itemkey.Key) bool {
	bucket := b.bucket(k)
	from, to := int(b.starts[bucket]), int(b.starts[bucket+1])
	i := from + sort.Search(to-from, func(i int) bool {
		i += from
		return b.keys[i] > k || b.keys[i] == k && !b.taken.has(i)
	})
	if i == to || b.keys[i] != k {
		return false
	}
	b.taken.set(i)
	return true
}
