package plan

import "hash/maphash"

var hashSeed = maphash.MakeSeed()

// outputTable remembers which item has which output, in bounded memory: 64 bits of hash for each of the last outputs. It finds two
// items with one output if at most rememberedOutputs others lie between them, and otherwise only by luck. Different outputs
// may have equal hashes: the caller compares the items.
type outputTable struct {
	// now takes outputs until it is full. Then it becomes before, and the outputs in before are forgotten.
	now, before outputSet
}

// rememberedOutputs is the least number of outputs that an outputTable remembers, in 32 MiB.
const rememberedOutputs = maxOutputSlots / 4 * 3

const maxOutputSlots = 1 << 20

type outputSet struct {
	slots []outputSlot
	used  int
}

// outputSlot is an item in an outputTable. Its zero value is empty.
type outputSlot struct {
	hash uint64
	// item has the item's index plus one in its lower bits. The upper bits are a part of the hash of the item's text.
	item uint64
}

// indexBits is enough for 68 billion items.
const indexBits = 36

const indexMask = 1<<indexBits - 1

// sighting is an item with an output that another has as well.
type sighting struct {
	index uint64
	// same: the texts of the two items are equal.
	same bool
}

// put stores an item of an index and a text for its output. If the output is stored already, put returns the first item that has it.
func (t *outputTable) put(output, text string, index uint64) (sighting, bool) {
	h := maphash.String(hashSeed, output)
	item := maphash.String(hashSeed, text)<<indexBits | (index+1)&indexMask
	s := t.before.find(h)
	if s == nil || s.item == 0 {
		if 4*t.now.used >= 3*len(t.now.slots) {
			t.makeRoom()
		}
		s = t.now.find(h)
	}
	if s.item == 0 {
		*s = outputSlot{h, item}
		t.now.used++
		return sighting{}, false
	}
	return sighting{index: s.item&indexMask - 1, same: s.item>>indexBits == item>>indexBits}, true
}

func (t *outputTable) makeRoom() {
	if len(t.now.slots) == maxOutputSlots {
		t.before, t.now = t.now, outputSet{slots: t.before.slots}
		clear(t.now.slots)
		if t.now.slots != nil {
			return
		}
	}
	old := t.now.slots
	t.now.slots = make([]outputSlot, max(256, 2*len(old)))
	for _, s := range old {
		if s.item != 0 {
			*t.now.find(s.hash) = s
		}
	}
}

// find returns the slot where a hash is or belongs; nil in an empty set.
func (o *outputSet) find(hash uint64) *outputSlot {
	if len(o.slots) == 0 {
		return nil
	}
	mask := uint64(len(o.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		if s := &o.slots[at]; s.item == 0 || s.hash == hash {
			return s
		}
	}
}
