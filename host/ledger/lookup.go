package ledger

import (
	"errors"
	"io"
	"math/bits"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// known are items of earlier runs: first those that the runs before had finished, then those that the run itself listed, in its order.
// While a new listing is the earlier one, its items are compared one by one with the keys in the file, and no key is kept in memory. From the
// first that differs, they are looked up among the rest of the finished items.
type known struct {
	keys *keyReader
	// layers are what earlier runs had finished, under their numbers there; finished and resumed are of the run itself.
	layers            []cursor
	finished, resumed cursor
	// alone: all that earlier runs had finished may be among the run's own items. Otherwise the items are of several listings.
	alone bool
	// rest are keys that were read and not yet compared, of consecutive items of a layer.
	rest   []itemkey.Key
	layer  int
	number uint64
	// left is the number of keys that were not compared yet.
	left int
	// bag has the rest of the finished items, once an item has differed.
	bag *bag
	// err is why the keys could not be read to their end.
	err error
}

type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) set(i int)      { b[i/64] |= 1 << (i % 64) }

// next returns the next item of the earlier runs; ok is false after the last one.
func (k *known) next() (key itemkey.Key, finished, ok bool) {
	for {
		if len(k.rest) == 0 {
			if k.err == nil {
				k.layer, k.number, k.rest, k.err = k.keys.next()
			}
			if k.err != nil {
				return 0, false, false
			}
			continue
		}
		number := k.number
		key, k.rest, k.number = k.rest[0], k.rest[1:], k.number+1
		k.left--
		switch {
		case k.layer < len(k.layers):
			if !k.alone && k.layers[k.layer].has(number) {
				return key, true, true
			}
		case k.alone || !k.resumed.has(number):
			return key, k.finished.has(number), true
		}
	}
}

// failed is why the keys could not be read to their end, if they could not.
func (k *known) failed() error {
	if errors.Is(k.err, io.EOF) {
		return nil
	}
	return k.err
}

// take reports whether an item of a new listing is finished. It is asked once for each item, in the order of the listing.
func (k *known) take(key itemkey.Key) bool {
	if k.bag != nil {
		return k.bag.take(key)
	}
	same, finished, ok := k.next()
	if !ok {
		return false
	}
	if same == key {
		return finished
	}
	rest := make([]itemkey.Key, 0, k.left+1)
	for ; ok; same, finished, ok = k.next() {
		if finished {
			rest = append(rest, same)
		}
	}
	k.bag = newBag(rest)
	return k.bag.take(key)
}

// changed reports whether an item differed from the earlier listing.
func (k *known) changed() bool { return k.bag != nil && k.alone }

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
