package ledger

import (
	"bytes"
	"context"
	"io"
	"iter"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// FailedSource yields the failed items of a run anew, as failed.jsonl has them: nothing is listed. It is a
// backbones.Source and has to be closed.
type FailedSource struct {
	next func() (FailedItem, error, bool)
	stop func()
	// held is an item that did not fit into the last block.
	held  *FailedItem
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
	items := func(yield func(FailedItem, error) bool) {
		at := 0
		err := FailedItems(dir, s, func(item *FailedItem) error {
			if n, ok := twice[at]; ok {
				item.Number = n
			}
			at++
			if !yield(*item, nil) {
				return io.EOF
			}
			return nil
		})
		if err != nil && err != io.EOF { //nolint:errorlint // it is this function's own
			yield(FailedItem{}, err)
		}
	}
	f.next, f.stop = iter.Pull2(items)
	return f, true, nil
}

// The size of a block.
const (
	retryItems = 1024
	retryBytes = 256 << 10
)

// Next returns the next block, or io.EOF.
func (f *FailedSource) Next(context.Context) (backbones.Block, error) {
	b := backbones.Block{Encoding: backbones.JSONLines}
	var lines [][]byte
	size := 0
	for {
		item := f.held
		f.held = nil
		if item == nil {
			next, err, ok := f.next()
			if err != nil {
				return backbones.Block{}, err
			}
			if !ok {
				break
			}
			item = &next
		}
		if b.Count > 0 && (item.Number != b.First+uint64(b.Count) || b.Count == retryItems || size > retryBytes) {
			f.held = item
			break
		}
		if b.Count == 0 {
			b.First = item.Number
		}
		line, _ := item.Line()
		lines = append(lines, line)
		size += len(line)
		b.Count++
	}
	if b.Count == 0 {
		return backbones.Block{}, io.EOF
	}
	b.Payload = bytes.Join(lines, []byte{'\n'})
	return b, nil
}

// Count is how many items there are.
func (f *FailedSource) Count() int { return f.count }

// Close ends the source.
func (f *FailedSource) Close() { f.stop() }
