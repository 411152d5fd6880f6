package ledger

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// FailedSource is a backbones.Source of the failed items of a run, as failed.jsonl has them. It has to be closed.
type FailedSource struct {
	next  func() (backbones.Block, error, bool)
	stop  func()
	count int
}

// NewFailedSource returns a source of the failed items of a run. ok is false if the plugin alone knows some of them, or failed.jsonl has no
// room for them: they have to be picked out of a listing; see Pick.
func NewFailedSource(dir string, s *State) (source *FailedSource, ok bool, err error) {
	f := &FailedSource{}
	ok = true
	_, err = FailedItems(dir, s, func(item *FailedItem) error {
		_, whole := item.Line()
		ok = ok && whole
		f.count++
		return nil
	})
	if err != nil || !ok {
		return nil, false, err
	}
	f.next, f.stop = iter.Pull2(failedBlocks(dir, s))
	return f, true, nil
}

// beyondNumbers is the first number of items whose own number another item has, of another run's listing.
const beyondNumbers = 1 << 40

// failedBlocks yields the failed items of a run, with their own numbers where these are consecutive.
func failedBlocks(dir string, s *State) iter.Seq2[backbones.Block, error] {
	return func(yield func(backbones.Block, error) bool) {
		var b backbones.Block
		hand := func() error {
			if b.Count > 0 && !yield(b, nil) {
				return io.EOF
			}
			b = backbones.Block{}
			return nil
		}
		// Only carried items may have the number of another, and they come first.
		carried := map[uint64]bool{}
		beyond := uint64(beyondNumbers)
		_, err := FailedItems(dir, s, func(item *FailedItem) error {
			number := item.Number
			if carried[number] {
				number = beyond
				beyond++
			} else if item.Carried {
				carried[number] = true
			}
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
		if err != nil && !errors.Is(err, io.EOF) {
			yield(backbones.Block{}, err)
		}
	}
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
