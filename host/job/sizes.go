package job

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/members"
)

// sizes adds up the bytes of inputs and outputs for the summary. A goroutine of its own looks at the files, for at most a hundredth of the
// run's time, and nothing waits for it: where items are fast it looks at some of them. Its memory is bounded, too.
type sizes struct {
	began  time.Time
	blocks chan backbones.Block
	finish chan chan struct{}
	ended  chan struct{}

	mu    sync.Mutex
	found progress.Bytes
	// waiting are the outputs of items without an outcome, by block, in the order of numbers within a block. written are those to look at.
	waiting []waitingOutputs
	paths   int
	written [][]string
	wake    chan struct{}
	// spent is the time that looking has taken. Only the goroutine uses it.
	spent time.Duration
}

// waitingOutputs are the paths of the outputs of items from a number on; nil: the item has its outcome.
type waitingOutputs struct {
	first uint64
	paths [][]string
	left  int
}

const (
	// sizesShare is the share of the run's time for looking at files, beside sizesFree.
	sizesShare = 100
	sizesFree  = 20 * time.Millisecond
	// maxWaitingOutputs bounds the outputs that wait for their items.
	maxWaitingOutputs = 1 << 16
	// sizesPatience is how long the end of a run waits.
	sizesPatience = time.Second
)

func newSizes(began time.Time) *sizes {
	s := &sizes{began: began, blocks: make(chan backbones.Block, 1), finish: make(chan chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go s.run()
	return s
}

// measured is a source whose items' files are looked at.
type measured struct {
	backbones.Source
	sizes *sizes
}

func (m measured) Next(ctx context.Context) (backbones.Block, error) {
	b, err := m.Source.Next(ctx)
	if err == nil && b.Encoding == backbones.JSONLines && b.Count > 0 {
		select {
		case m.sizes.blocks <- b:
		default:
		}
	}
	return b, err
}

// total is what was found so far; nil: nothing.
func (s *sizes) total() *progress.Bytes {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == (progress.Bytes{}) {
		return nil
	}
	found := s.found
	return &found
}

// done takes items that are done.
func (s *sizes) done(spans []backbones.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return
	}
	for _, span := range spans {
		end := span.First + uint64(span.Count)
		for i := range s.waiting {
			w := &s.waiting[i]
			from, to := max(span.First, w.first), min(end, w.first+uint64(len(w.paths)))
			for n := from; n < to; n++ {
				if paths := w.paths[n-w.first]; paths != nil {
					s.written = append(s.written, paths)
					w.paths[n-w.first] = nil
					w.left--
				}
			}
		}
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(w waitingOutputs) bool { return w.left == 0 })
	if len(s.written) > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// complete waits until the outputs that there is time for were looked at, unless a file system hangs.
func (s *sizes) complete(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sizesPatience)
	defer cancel()
	done := make(chan struct{})
	select {
	case s.finish <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// close ends the goroutine, and does not wait for it: a file system may hang.
func (s *sizes) close() { close(s.finish) }

func (s *sizes) run() {
	defer close(s.ended)
	for {
		select {
		case b := <-s.blocks:
			s.inputs(b)
		case <-s.wake:
			s.outputs()
		case done, ok := <-s.finish:
			if !ok {
				return
			}
			s.outputs()
			close(done)
		}
	}
}

// inputs looks at the inputs of a block's items, and lets their outputs wait.
func (s *sizes) inputs(b backbones.Block) {
	w := waitingOutputs{first: b.First}
	var sum, items int64
	for line := range bytes.Lines(b.Payload) {
		if len(w.paths) == b.Count || !s.allowed() {
			break
		}
		start := time.Now()
		in, out := filesOf(line)
		size, ok := members.Size(line)
		if !ok {
			size, ok = sizeOfAll(in)
		}
		if ok {
			sum, items = sum+size, items+1
		}
		if out != nil {
			w.left++
		}
		w.paths = append(w.paths, out)
		s.spent += time.Since(start)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.In, s.found.InItems = s.found.In+sum, s.found.InItems+items
	if w.left > 0 && s.paths+len(w.paths) <= maxWaitingOutputs {
		s.waiting = append(s.waiting, w)
	}
	s.paths = 0
	for _, w := range s.waiting {
		s.paths += len(w.paths)
	}
}

// outputs looks at the outputs of items that are done.
func (s *sizes) outputs() {
	s.mu.Lock()
	written := s.written
	s.written = nil
	s.mu.Unlock()
	var sum, items int64
	for _, paths := range written {
		if !s.allowed() {
			break
		}
		start := time.Now()
		if size, ok := sizeOfAll(paths); ok {
			sum, items = sum+size, items+1
		}
		s.spent += time.Since(start)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.Out, s.found.OutItems = s.found.Out+sum, s.found.OutItems+items
}

func (s *sizes) allowed() bool { return s.spent < sizesFree+time.Since(s.began)/sizesShare }

// filesOf are the paths of an item's inputs and outputs.
func filesOf(line []byte) (in, out []string) {
	_ = jsontext.Object(bytes.TrimSuffix(line, []byte("\n")), func(key, value []byte) error {
		var t jsontext.Triplet
		name, _, _ := strings.Cut(string(key), "_")
		if name != "input" && name != "output" || len(value) == 0 || value[0] != '{' {
			return nil
		}
		// A value that is no triplet has no path.
		_, _ = t.Read(value)
		switch {
		case t.Path == "":
		case name == "output":
			out = append(out, t.Path)
		case !slices.Contains(in, t.Path):
			in = append(in, t.Path)
		}
		return nil
	})
	return in, out
}

// sizeOfAll is the size of some files; false: there are none, or one is not a regular file.
func sizeOfAll(paths []string) (sum int64, ok bool) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return 0, false
		}
		sum += info.Size()
	}
	return sum, len(paths) > 0
}
