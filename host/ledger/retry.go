package ledger

import (
	"context"
	"io"
	"iter"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// FailedSource yields the failed items of a run again, as failed.jsonl has them: nothing is listed. It is a
// backbones.Source and has to be closed.
type FailedSource struct {
	next  func() (backbones.Block, error, bool)
	stop  func()
	count int
}

// beyondNumbers is where items get their numbers whose own number another one has: items of two listings.
const beyondNumbers = 1 << 40

// NewFailedSource returns a source of the failed items of a run. ok is false when some of them are known to the plugin
// alone, or were too long for failed.jsonl: they have to be picked out of a listing; see Pick.
func NewFailedSource(dir string, s *State) (source *FailedSource, ok bool, err error) {
	f := &FailedSource{}
	numbers := map[uint64]bool{}
	twice := map[int]uint64{}
	list := false
	err = FailedItems(dir, s, func(item *FailedItem) error {
		if _, json := item.Line(); !json {
			list = true
		}
		// Only numbers of other runs' listings can be there twice, and they come first.
		if numbers[item.Number] {
			twice[f.count] = beyondNumbers + uint64(len(twice))
		} else if item.Carried {
			numbers[item.Number] = true
		}
		f.count++
		return nil
	})
	if err != nil || list {
		return nil, false, err
	}
	f.next, f.stop = iter.Pull2(func(yield func(backbones.Block, error) bool) {
		at := 0
		b := backbones.Block{}
		hand := func() error {
			if b.Count > 0 && !yield(b, nil) {
				return io.EOF
			}
			b = backbones.Block{}
			return nil
		}
		err := FailedItems(dir, s, func(item *FailedItem) error {
			number, ok := twice[at]
			if !ok {
				number = item.Number
			}
			at++
			if number != b.First+uint64(b.Count) || b.Count == retryItems || len(b.Payload) > retryBytes {
				if err := hand(); err != nil {
					return err
				}
			}
			if b.Count == 0 {
				b.First = number
			} else {
				b.Payload = append(b.Payload, '\n')
			}
			line, _ := item.Line()
			b.Payload = append(b.Payload, line...)
			b.Count++
			return nil
		})
		if err == nil {
			err = hand()
		}
		if err != nil && err != io.EOF { //nolint:errorlint // it is this function's own
			yield(backbones.Block{}, err)
		}
	})
	return f, true, nil
}

// The size of a block.
const (
	retryItems = 1024
	retryBytes = 256 << 10
)

// Next returns the next block, or io.EOF.
func (f *FailedSource) Next(context.Context) (backbones.Block, error) {
	b, err, ok := f.next()
	if !ok {
		return b, io.EOF
	}
	return b, err
}

// Count is how many items there are.
func (f *FailedSource) Count() int { return f.count }

// Close ends the source.
func (f *FailedSource) Close() { f.stop() }
