package ledger

import (
	"cmp"
	"iter"
	"slices"
	"sort"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Join finds the results of the items of a new listing. While this has the items of the run in their order, results are read one by one.
// From the first item that the run did not have in that place, they are looked up by key, which takes 16 bytes for each that is left. Of
// several equal items, the n-th is the n-th again.
type Join struct {
	r    *Results
	next func() (Result, error, bool)
	stop func()
	// head is the next result in the run's order, if there is one.
	head Result
	has  bool
	// rest are the results that are left once an item has differed, sorted; starts has the position of the first of each bucket, as in
	// bag.
	rest   []joined
	starts []uint32
	shift  int
}

// joined is a result by its key. Its number has joinFound once an item has it.
type joined struct {
	key    itemkey.Key
	number uint64
}

const joinFound = 1 << 63

// NewJoin returns a Join with the results of a run, which must have keys. The caller closes it.
func NewJoin(r *Results) (*Join, error) {
	j := &Join{r: r}
	j.next, j.stop = iter.Pull2(r.All())
	if err := j.advance(); err != nil {
		j.stop()
		return nil, err
	}
	return j, nil
}

// Close ends the join.
func (j *Join) Close() { j.stop() }

func (j *Join) advance() error {
	var err error
	j.head, err, j.has = j.next()
	return err
}

// Of returns the result of the next item of the listing, by its key; false: the run did not list it.
func (j *Join) Of(key itemkey.Key) (Result, bool, error) {
	if j.rest == nil {
		if !j.has {
			return Result{}, false, nil
		}
		if j.head.Key == key {
			found := j.head
			return found, true, j.advance()
		}
		if err := j.collect(); err != nil {
			return Result{}, false, err
		}
	}
	bucket := int(uint64(key) >> j.shift)
	from, to := int(j.starts[bucket]), int(j.starts[bucket+1])
	i := from + sort.Search(to-from, func(i int) bool {
		r := j.rest[from+i]
		return r.key > key || r.key == key && r.number&joinFound == 0
	})
	if i == to || j.rest[i].key != key {
		return Result{}, false, nil
	}
	number := j.rest[i].number
	j.rest[i].number |= joinFound
	return j.r.of(number, key), true, nil
}

// collect reads all results that are left.
func (j *Join) collect() error {
	j.rest = make([]joined, 0, j.r.Items())
	for j.has {
		j.rest = append(j.rest, joined{j.head.Key, j.head.Number})
		if err := j.advance(); err != nil {
			return err
		}
	}
	// Equal keys stay in the run's order: numbers of a listing ascend.
	slices.SortFunc(j.rest, func(a, b joined) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.number, b.number)) })
	j.starts, j.shift = bucketsOf(len(j.rest), func(i int) itemkey.Key { return j.rest[i].key })
	return nil
}

// Missing yields the results of the run that no item of the listing had. Call it at the end of the listing.
func (j *Join) Missing() iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		for j.has {
			if !yield(j.head, nil) {
				return
			}
			if err := j.advance(); err != nil {
				yield(Result{}, err)
				return
			}
		}
		for _, left := range j.rest {
			if left.number&joinFound == 0 && !yield(j.r.of(left.number, left.key), nil) {
				return
			}
		}
	}
}
