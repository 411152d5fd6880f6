package backbonetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Options are what the suite asks a backbone for.
type Options struct {
	Workers, ChunkSize int
	// Crew starts the workers.
	Crew   *Crew
	Policy backbones.Policy
}

// Feature is something that a backbone may lack. What it lacks is not tested.
type Feature string

// What a backbone may lack.
const (
	// Retries are Options.Retry.
	Retries Feature = "retries"
	// Timeouts are Options.ItemTimeout.
	Timeouts Feature = "timeouts"
	// Recycling is Options.WorkerMaxItems.
	Recycling Feature = "recycling"
	// Beats are heartbeat pages, which say which item a worker died of.
	Beats Feature = "beats"
	// Skips: its scripted workers skip single items. Others do them.
	Skips Feature = "skips"
	// Last: its scripted workers are the last to have an item, and say what became of its output.
	Last Feature = "last"
	// Revoking is Options.Revoke: items that it must give up.
	Revoking Feature = "revoking"
	// Thrift: no more workers are started than there are items.
	Thrift Feature = "thrift"
)

// Run runs a source through a backbone to its end.
type Run func(ctx context.Context, o Options, src backbones.Source, sink backbones.Sink) error

// source yields count items {"i":0} … in blocks of size, and then err or io.EOF.
type source struct {
	count, size int
	err         error
	next        int
	yielded     atomic.Int64
}

func (s *source) Next(ctx context.Context) (backbones.Block, error) {
	if ctx.Err() != nil {
		return backbones.Block{}, ctx.Err()
	}
	n := min(s.size, s.count-s.next)
	if n == 0 {
		if s.err != nil {
			return backbones.Block{}, s.err
		}
		return backbones.Block{}, io.EOF
	}
	lines := make([]string, n)
	for i := range lines {
		lines[i] = item(s.next + i)
	}
	first := uint64(s.next)
	s.next += n
	s.yielded.Add(int64(n))
	return backbones.Block{Encoding: backbones.JSONLines, Count: n, First: first, Payload: []byte(strings.Join(lines, "\n"))}, nil
}

func item(i int) string { return fmt.Sprintf(`{"i":%d}`, i) }

// tally collects outcomes by item number.
type tally struct {
	mu                    sync.Mutex
	done, skipped, failed map[uint64]int
	failures              []backbones.FailedItem
	// tries has the items that are done after more than one attempt, untimed counts those done without a time.
	tries     map[uint64]int
	untimed   int
	unwritten int
	stop      error
	stopAfter int
}

func newTally() *tally {
	return &tally{done: map[uint64]int{}, skipped: map[uint64]int{}, failed: map[uint64]int{}, tries: map[uint64]int{}}
}

func (t *tally) sink(o backbones.Outcomes) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	add := func(m map[uint64]int, spans []backbones.Span) {
		for _, s := range spans {
			for i := range s.Count {
				m[s.First+uint64(i)]++
			}
		}
	}
	add(t.done, o.Done)
	for _, a := range o.Attempts {
		t.tries[a.Number] = a.Count
	}
	if o.Mean <= 0 {
		for _, s := range o.Done {
			t.untimed += s.Count
		}
	}
	add(t.skipped, o.Skipped)
	t.unwritten += o.Unwritten.Count
	for _, f := range o.Failed {
		t.failed[f.Number]++
		t.failures = append(t.failures, f)
	}
	if t.stop != nil && len(t.done) >= t.stopAfter {
		return t.stop
	}
	return nil
}

// once checks that each of the first count items has exactly one outcome, and no other has any.
func (t *tally) once(tb testing.TB, count int) {
	tb.Helper()
	for i := range uint64(count) {
		if n := t.done[i] + t.skipped[i] + t.failed[i]; n != 1 {
			tb.Errorf("item %d has %d outcomes", i, n)
		}
	}
	if n := len(t.done) + len(t.skipped) + len(t.failed); n != count {
		tb.Errorf("%d items have outcomes, want %d", n, count)
	}
}

func number(s string) (n int) {
	_, _ = fmt.Sscanf(s, `{"i":%d}`, &n)
	return n
}

// every does act at the items n, n+each, ….
func every(each, n int, act Act) Script {
	return func(s string, _ int) Act {
		if number(s)%each == n {
			return act
		}
		return Do
	}
}

// only does act at item n.
func only(n int, act Act) Script { return every(1<<40, n, act) }

// signal returns a channel and a script that closes it at item n. then decides what happens at the items; nil: Do.
func signal(n int, then Script) (<-chan struct{}, Script) {
	begun := make(chan struct{})
	var once sync.Once
	return begun, func(s string, attempt int) Act {
		if number(s) == n {
			once.Do(func() { close(begun) })
		}
		if then == nil {
			return Do
		}
		return then(s, attempt)
	}
}

// failFirst fails so many starts.
func failFirst(times int) func(start int) error {
	return func(start int) error {
		if start <= times {
			return errStop
		}
		return nil
	}
}

// play runs count items through the backbone, and waits until all workers are gone.
func (run Run) play(o Options, count int) (*tally, error) {
	tally := newTally()
	err := run(o.Crew.T.Context(), o, &source{count: count, size: 64}, tally.sink)
	o.Crew.Wait()
	return tally, err
}

// all plays a run that must succeed, with one outcome for each item.
func (run Run) all(t *testing.T, o Options, count int) *tally {
	t.Helper()
	tally, err := run.play(o, count)
	if err != nil {
		t.Fatal(err)
	}
	tally.once(t, count)
	return tally
}

// Suite runs all tests against a backbone, but those of what it lacks.
func Suite(t *testing.T, run Run, lacks ...Feature) {
	t.Helper()
	for _, beats := range []bool{true, false} {
		if beats && slices.Contains(lacks, Beats) {
			continue
		}
		t.Run(fmt.Sprintf("heartbeat=%v", beats), func(t *testing.T) {
			outcomes(t, run, beats, lacks)
			for _, f := range []struct {
				feature Feature
				test    func(*testing.T, Run, bool)
			}{{Retries, retries}, {Timeouts, timeouts}, {Recycling, recycling}, {Last, unwritten}, {Revoking, revoking}} {
				if !slices.Contains(lacks, f.feature) {
					t.Run(string(f.feature), func(t *testing.T) { f.test(t, run, beats) })
				}
			}
		})
	}
	t.Run("ends", func(t *testing.T) { ends(t, run) })
	t.Run("closing", func(t *testing.T) { closing(t, run) })
	t.Run("any order", func(t *testing.T) { anyOrder(t, run) })
	t.Run("waiting", func(t *testing.T) { waiting(t, run) })
}

func outcomes(t *testing.T, run Run, beats bool, lacks []Feature) {
	t.Helper()
	skips := 100
	if slices.Contains(lacks, Skips) {
		skips = 0
	}
	tests := []struct {
		name                  string
		workers, chunk, count int
		script                Script
		skipped, failed       int
		lies                  bool
	}{
		{"nothing", 2, 0, 0, nil, 0, 0, false},
		{"one item", 4, 0, 1, nil, 0, 0, false},
		{"all done", 3, 0, 5000, nil, 0, 0, false},
		{"chunks of one", 3, 1, 300, nil, 0, 0, false},
		{"a chunk larger than the list", 2, 10_000, 100, nil, 0, 0, false},
		{"some skipped, some failed", 2, 7, 1000, func(s string, _ int) Act {
			return map[int]Act{3: Skip, 4: Fail}[number(s)%10]
		}, skips, 100, false},
		{"every item once kills its worker", 2, 8, 40, func(_ string, attempt int) Act {
			if attempt == 1 && beats {
				return Die
			}
			return Do
		}, 0, 0, false},
		{"a poison item", 2, 16, 200, only(77, Die), 0, 1, false},
		{"many poison items", 3, 16, 200, every(50, 7, Die), 0, 4, false},
		{"a worker that answers twice", 2, 10, 100, func(s string, attempt int) Act {
			if number(s) == 42 && attempt == 1 {
				return Lie
			}
			return Do
		}, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			crew := &Crew{T: t, Script: tt.script, Beats: beats}
			tally, err := run.play(Options{Workers: tt.workers, ChunkSize: tt.chunk, Crew: crew}, tt.count)
			// The second answer may come when everything else is done and workers close their task.
			late := new(backbones.CloseError)
			if err != nil && (!tt.lies || !errors.As(err, &late)) {
				t.Fatalf("run: %v", err)
			}
			tally.once(t, tt.count)
			if len(tally.skipped) != tt.skipped || len(tally.failed) != tt.failed {
				t.Errorf("skipped %d, failed %d; want %d and %d", len(tally.skipped), len(tally.failed), tt.skipped, tt.failed)
			}
			for _, f := range tally.failures {
				if f.Item != item(int(f.Number)) || f.Failure.Message == "" {
					t.Errorf("failure of item %d: item %q, message %q", f.Number, f.Item, f.Failure.Message)
				}
			}
			if tt.count == 0 && crew.Starts() != 0 {
				t.Errorf("%d workers were started for nothing", crew.Starts())
			}
			if !slices.Contains(lacks, Thrift) && crew.Starts() > 0 && tt.count < tt.workers && crew.Starts() > tt.count {
				t.Errorf("%d workers were started for %d items", crew.Starts(), tt.count)
			}
		})
	}
}

var errStop = errors.New("enough")

func ends(t *testing.T, run Run) {
	t.Helper()
	t.Run("order with one worker", func(t *testing.T) {
		crew := &Crew{T: t, Beats: true}
		run.all(t, Options{Workers: 1, Crew: crew}, 500)
		if !slices.IsSortedFunc(crew.order, func(a, b string) int { return number(a) - number(b) }) {
			t.Errorf("one worker got the items out of order: %v", crew.order)
		}
	})
	t.Run("the source fails", func(t *testing.T) {
		crew := &Crew{T: t, Beats: true}
		err := run(t.Context(), Options{Workers: 2, Crew: crew}, &source{count: 100, size: 10, err: errStop}, newTally().sink)
		if !errors.Is(err, errStop) {
			t.Errorf("error %v, want the source's", err)
		}
		crew.Wait()
	})
	t.Run("the sink stops the run", func(t *testing.T) {
		crew := &Crew{T: t, Beats: true}
		tally := newTally()
		tally.stop, tally.stopAfter = errStop, 50
		src := &source{count: 1 << 40, size: 100}
		err := run(t.Context(), Options{Workers: 2, ChunkSize: 10, Crew: crew}, src, tally.sink)
		if !errors.Is(err, errStop) {
			t.Errorf("error %v, want the sink's", err)
		}
		crew.Wait()
		if n := src.yielded.Load(); n > 100_000 {
			t.Errorf("%d items were read ahead of some 50 done", n)
		}
	})
	t.Run("a drained run finishes what is in flight", func(t *testing.T) {
		drain, script := signal(100, nil)
		crew := &Crew{T: t, Beats: true, Script: script}
		tally, err := run.play(Options{Workers: 2, ChunkSize: 5, Crew: crew, Policy: backbones.Policy{Drain: drain}}, 1<<40)
		if err == nil {
			t.Error("a drained run says that it finished")
		}
		if begun := len(crew.order); begun != len(tally.done) {
			t.Errorf("%d items were begun and %d have an outcome", begun, len(tally.done))
		}
	})
	t.Run("a cancelled run ends hanging workers", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		crew := &Crew{T: t, Beats: true, Hung: make(chan struct{}, 10), Script: every(1, 0, Hang)}
		go func() {
			<-crew.Hung
			cancel()
		}()
		err := run(ctx, Options{Workers: 2, Crew: crew}, &source{count: 100, size: 10}, newTally().sink)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
		crew.Wait()
	})
	t.Run("a fatal start error ends the run with it", func(t *testing.T) {
		crew := &Crew{T: t, FailStart: func(int) error { return &backbones.FatalError{Err: errStop} }}
		if _, err := run.play(Options{Workers: 3, Crew: crew}, 100); !errors.Is(err, errStop) {
			t.Errorf("error %v, want the start's", err)
		}
	})
	t.Run("one failed start is got over", func(t *testing.T) {
		run.all(t, Options{Workers: 2, Crew: &Crew{T: t, Beats: true, FailStart: failFirst(1)}}, 100)
	})
	t.Run("a worker that cannot be started twice is waited for", func(t *testing.T) {
		run.all(t, Options{Workers: 1, Crew: &Crew{T: t, Beats: true, FailStart: failFirst(2)}}, 100)
	})
	t.Run("no worker can ever be started", func(t *testing.T) {
		crew := &Crew{T: t, FailStart: failFirst(1 << 40)}
		if _, err := run.play(Options{Workers: 1, Crew: crew}, 100); !errors.Is(err, errStop) {
			t.Errorf("error %v, want the start's", err)
		}
		if crew.Starts() != 3 {
			t.Errorf("it was tried %d times, want 3", crew.Starts())
		}
	})
	t.Run("workers that break the protocol again and again end the run with the rule", func(t *testing.T) {
		_, err := run.play(Options{Workers: 2, ChunkSize: 5, Crew: &Crew{T: t, Beats: true, Script: every(1, 0, Lie)}}, 3000)
		var breach *backbones.BreachError
		if !errors.As(err, &breach) || breach.Times != backbones.MaxBreaches || breach.Rule == "" {
			t.Errorf("error %v, want the rule that was broken", err)
		}
	})
}
