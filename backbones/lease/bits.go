package lease

import "math/bits"

// set is a set of positions of a lease.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) has(i int) bool { return s != nil && s[i/64]>>(i%64)&1 == 1 }

// word visits the words that hold positions first … first+n-1, each with a mask of those. It stops when visit returns false.
func word(first, n int, visit func(i int, mask uint64) bool) {
	for n > 0 {
		shift := first % 64
		take := min(64-shift, n)
		if !visit(first/64, ^uint64(0)>>(64-take)<<shift) {
			return
		}
		first, n = first+take, n-take
	}
}

// any reports whether any of n positions from first is in the set; a nil set is empty.
func (s set) any(first, n int) (found bool) {
	if s == nil {
		return false
	}
	word(first, n, func(i int, mask uint64) bool {
		found = s[i]&mask != 0
		return !found
	})
	return found
}

// add adds n positions from first.
func (s set) add(first, n int) {
	word(first, n, func(i int, mask uint64) bool {
		s[i] |= mask
		return true
	})
}

// remove removes n positions from first.
func (s set) remove(first, n int) {
	word(first, n, func(i int, mask uint64) bool {
		s[i] &^= mask
		return true
	})
}

// join adds all of another set of the same lease; nil is empty.
func (s set) join(other set) {
	for i, w := range other {
		s[i] |= w
	}
}

// size is the number of positions in the set.
func (s set) size() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// runs visits the runs of positions, among n from first, that are in the set, or those that are not.
func (s set) runs(first, n int, in bool, visit func(first, count int)) {
	end := first + n
	for i := first; i < end; {
		if s.has(i) != in {
			i++
			continue
		}
		j := i + 1
		for j < end && s.has(j) == in {
			j++
		}
		visit(i, j-i)
		i = j
	}
}
