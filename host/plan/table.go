package plan

import "hash/maphash"

var hashSeed = maphash.MakeSeed()

// outputTable remembers which item has which output, in bounded memory: the hashes, of 64 bits, of the last outputs. Two
// items with one output are found for sure when no more than rememberedOutputs others lie between them; further apart,
// only by luck. Equal hashes of different outputs are told apart by the caller, who can look at the first again.
type outputTable struct {
	// now takes outputs until it is full; then it becomes before, and what was before is forgotten.
	now, before outputSet
}

// rememberedOutputs is how many outputs an outputTable remembers at least: in 32 MiB.
const rememberedOutputs = maxOutputSlots / 4 * 3

const maxOutputSlots = 1 << 20

type outputSet struct {
	slots []outputSlot
	used  int
}

// outputSlot is an item as an outputTable knows it.
type outputSlot struct {
	hash uint64
	// item has the item's index plus one in its lower bits, 0 being an empty slot, and above them a part of the hash of
	// the whole item, which tells of two items with one output whether they agree in everything.
	item uint64
}

// indexBits is enough for 68 billion items.
const indexBits = 36

const indexMask = 1<<indexBits - 1

func newSlot(hash, text, index uint64) outputSlot {
	return outputSlot{hash, text<<indexBits | (index+1)&indexMask}
}

func (s *outputSlot) empty() bool { return s.item == 0 }

func (s *outputSlot) seen(text uint64) sighting {
	return sighting{index: s.item&indexMask - 1, same: s.item>>indexBits == text<<indexBits>>indexBits}
}

// sighting is an item that had an output before.
type sighting struct {
	index uint64
	// same: the two items agree in everything.
	same bool
}

// put stores an item of that index and text for its output, unless the output is stored already: then it returns its item.
func (t *outputTable) put(output, text []byte, index uint64) (sighting, bool) {
	h, whole := maphash.Bytes(hashSeed, output), maphash.Bytes(hashSeed, text)
	if s := t.before.find(h); s != nil && !s.empty() {
		return s.seen(whole), true
	}
	if 4*t.now.used >= 3*len(t.now.slots) {
		if len(t.now.slots) < maxOutputSlots {
			t.now.grow()
		} else {
			t.before, t.now = t.now, t.before
			clear(t.now.slots)
			t.now.used = 0
			if len(t.now.slots) == 0 {
				t.now.grow()
			}
		}
	}
	s := t.now.find(h)
	if !s.empty() {
		return s.seen(whole), true
	}
	*s = newSlot(h, whole, index)
	t.now.used++
	return sighting{}, false
}

// find returns the slot where a hash is or belongs; nil in an empty set.
func (o *outputSet) find(hash uint64) *outputSlot {
	if len(o.slots) == 0 {
		return nil
	}
	mask := uint64(len(o.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		if s := &o.slots[at]; s.empty() || s.hash == hash {
			return s
		}
	}
}

func (o *outputSet) grow() {
	old := o.slots
	o.slots = make([]outputSlot, max(256, 2*len(old)))
	for _, s := range old {
		if !s.empty() {
			*o.find(s.hash) = s
		}
	}
}
