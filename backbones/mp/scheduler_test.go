package mp

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// jsonBlock holds items {"i":first} … in JSON Lines.
func jsonBlock(first, count int) backbones.Block {
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"i":%d}`, first+i)
	}
	return backbones.Block{
		Encoding: backbones.JSONLines, Count: count, First: uint64(first), Payload: []byte(strings.Join(lines, "\n")),
	}
}

// lines returns the JSON items of a chunk as a worker would split them.
func lines(t interface{ Fatalf(string, ...any) }, c backbones.Chunk) []string {
	var out []string
	for _, p := range c.Parts {
		if p.Block.Encoding != backbones.JSONLines {
			continue
		}
		all := strings.Split(string(p.Block.Payload), "\n")
		if len(all) != p.Block.Count {
			t.Fatalf("a block of %d items has %d lines", p.Block.Count, len(all))
		}
		out = append(out, all[p.Skip:p.Skip+p.Take]...)
	}
	return out
}

// ledger checks that every item gets exactly one outcome.
type ledger struct {
	done, skipped, failed map[uint64]int
}

func newLedger() *ledger {
	return &ledger{map[uint64]int{}, map[uint64]int{}, map[uint64]int{}}
}

func (l *ledger) add(o backbones.Outcomes) {
	for _, s := range o.Done {
		for i := range s.Count {
			l.done[s.First+uint64(i)]++
		}
	}
	for _, s := range o.Skipped {
		for i := range s.Count {
			l.skipped[s.First+uint64(i)]++
		}
	}
	for _, f := range o.Failed {
		l.failed[f.Number]++
	}
}

func (l *ledger) check(t *rapid.T, total int) {
	for i := range uint64(total) {
		if n := l.done[i] + l.skipped[i] + l.failed[i]; n != 1 {
			t.Fatalf("item %d has %d outcomes (done %d, skipped %d, failed %d)", i, n, l.done[i], l.skipped[i], l.failed[i])
		}
	}
	if n := len(l.done) + len(l.skipped) + len(l.failed); n != total {
		t.Fatalf("%d items have outcomes, %d were added", n, total)
	}
}

// model is a worker as the scheduler sees it.
type model struct {
	chunks []backbones.Chunk
	beats  []backbones.Beat
	// answered counts the items of its answers.
	answered int
}

// world is a scheduler with everything that happens to it.
type world struct {
	s       *scheduler
	ledger  *ledger
	alive   map[int]*model
	beating bool
	// failures is how often each item has truly failed.
	failures map[uint64]int
	retries  int
}

// TestEveryItemHasOneOutcome lets workers answer, skip, fail, die, take too long and be replaced at any point, with and
// without heartbeat pages and retries, on blocks of all encodings. Each item has one outcome in the end, and each failure
// says how often its item has failed.
func TestEveryItemHasOneOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 4).Draw(t, "workers")
		w := &world{
			s:       newScheduler(workers, rapid.SampledFrom([]int{0, 0, 1, 3, 100}).Draw(t, "chunksize")),
			ledger:  newLedger(),
			alive:   map[int]*model{},
			beating: rapid.Bool().Draw(t, "heartbeat"), failures: map[uint64]int{},
			retries: rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "retries"),
		}
		delay := time.Duration(rapid.IntRange(0, 1).Draw(t, "delay")) * time.Second
		w.s.retry = backbones.Retry{Limit: w.retries, Backoff: backbones.Backoff{First: delay, Cap: 4 * time.Second, Random: func(n int64) int64 {
			return rapid.Int64Range(0, n-1).Draw(t, "jitter")
		}}}
		w.s.ramp.on = rapid.Bool().Draw(t, "forked")
		w.s.perWorker = rapid.SampledFrom([]int{0, 0, 1, 7}).Draw(t, "items per worker")
		blocks, total := drawBlocks(t)
		now := time.Duration(0)
		for !w.s.Finished() {
			now += time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond
			w.s.At(now)
			if w.s.pending() > 0 && w.s.Wanted()[0] == 0 {
				t.Fatal("items wait, and no worker is wanted")
			}
			for len(blocks) > 0 && w.s.Wants() {
				w.s.Add(blocks[0])
				blocks = blocks[1:]
			}
			w.s.ended = w.s.ended || len(blocks) == 0
			for index := range workers {
				w.supply(t, index)
			}
			w.step(t, rapid.IntRange(0, workers-1).Draw(t, "who"))
		}
		w.ledger.check(t, total)
		for n, times := range w.failures {
			if w.ledger.failed[n] == 0 && times > max(w.retries, 1) {
				t.Fatalf("item %d failed %d times with %d retries, and was tried on", n, times, w.retries)
			}
		}
		if w.s.waiting.bytes != 0 {
			t.Fatalf("%d bytes wait, and nothing does", w.s.waiting.bytes)
		}
	})
}

func drawBlocks(t *rapid.T) (blocks []backbones.Block, total int) {
	for range rapid.IntRange(0, 6).Draw(t, "blocks") {
		b := jsonBlock(total, rapid.IntRange(1, 40).Draw(t, "count"))
		b.Encoding = rapid.SampledFrom([]backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed}).Draw(t, "encoding")
		if b.Encoding == backbones.Indexed {
			b.Payload = nil
		}
		total += b.Count
		blocks = append(blocks, b)
	}
	return blocks, total
}

// supply gives a worker what the scheduler has for it, in place of one that is to be replaced if it is.
func (w *world) supply(t *rapid.T, index int) {
	if slices.Contains(w.s.Spent(), crew.Seat{Index: index}) {
		w.conclude(t, index, nil, false)
	}
	if w.alive[index] == nil {
		w.alive[index] = &model{beats: make([]backbones.Beat, backbones.MaxInFlight)}
		w.s.Opened(crew.Seat{Index: index}, nil)
	}
	m := w.alive[index]
	for {
		c, ok := w.s.next(index)
		if !ok {
			break
		}
		checkChunk(t, c)
		m.chunks = append(m.chunks, c)
	}
	has := m.answered
	for _, c := range m.chunks {
		has += c.Count
	}
	if w.s.perWorker > 0 && has > w.s.perWorker {
		t.Fatalf("a worker that is replaced after %d items has got %d", w.s.perWorker, has)
	}
}

// take notes outcomes and checks what failures say of themselves.
func (w *world) take(t *rapid.T, out backbones.Outcomes) {
	w.ledger.add(out)
	for _, f := range out.Failed {
		if f.Failure.Attempts != w.failures[f.Number] {
			t.Fatalf("item %d failed %d times, and its failure says %d", f.Number, w.failures[f.Number], f.Failure.Attempts)
		}
		if f.Failure.Attempts <= w.retries {
			t.Fatalf("item %d was given up after %d failures with %d retries", f.Number, f.Failure.Attempts, w.retries)
		}
		if k := f.Failure.Kind; (k == backbones.KindCrash || k == backbones.KindLost) && f.Failure.Attempts < 2 {
			t.Fatalf("item %d (%s) was not tried once more", f.Number, k)
		}
	}
}

// conclude ends a worker.
func (w *world) conclude(t *rapid.T, index int, beats []backbones.Beat, byHost bool) {
	out, _ := w.s.died(index, beats, backbones.Exit{Code: -1, Signal: syscall.SIGKILL}, byHost)
	w.take(t, out)
	delete(w.alive, index)
}

func checkChunk(t *rapid.T, c backbones.Chunk) {
	n := 0
	for _, p := range c.Parts {
		n += p.Take
		if p.Take <= 0 || p.Skip < 0 || p.Skip+p.Take > p.Block.Count {
			t.Fatalf("part takes %d after %d of a block of %d", p.Take, p.Skip, p.Block.Count)
		}
		if p.Block.Encoding == backbones.JSONLines {
			for i, line := range strings.Split(string(p.Block.Payload), "\n")[p.Skip : p.Skip+p.Take] {
				if want := fmt.Sprintf(`{"i":%d}`, p.Block.First+uint64(p.Skip+i)); line != want {
					t.Fatalf("item %d is %q, want %q", i, line, want)
				}
			}
		}
	}
	if n != c.Count || n == 0 {
		t.Fatalf("chunk says %d items and has %d", c.Count, n)
	}
}

// step lets one worker answer its oldest chunk, or end in the middle of it.
func (w *world) step(t *rapid.T, index int) {
	m := w.alive[index]
	if len(m.chunks) == 0 {
		if rapid.IntRange(0, 9).Draw(t, "idle death") == 0 {
			w.conclude(t, index, m.beats, false)
		}
		return
	}
	c := m.chunks[0]
	begun := c.Count
	how := rapid.SampledFrom([]string{"answers", "answers", "answers", "dies", "is late", "was late", "is ended", "is replaced"}).Draw(t, "how")
	if how != "answers" {
		begun = rapid.IntRange(0, c.Count).Draw(t, "begun")
	}
	result := backbones.Result{ChunkID: c.ID, Count: c.Count, Busy: time.Duration(rapid.IntRange(1, 1e8).Draw(t, "busy"))}
	marks := make([]byte, begun)
	for i := range marks {
		marks[i] = rapid.SampledFrom([]byte{0, 0, 0, 1, 2}).Draw(t, "outcome")
		switch marks[i] {
		case backbones.OutcomeFailed:
			result.Failures = append(result.Failures, backbones.ItemFailure{Index: i})
			if how == "answers" || w.beating {
				w.failures[cut.Number(c.Parts, i)]++
			}
		case backbones.OutcomeSkipped:
			result.Skipped = append(result.Skipped, backbones.Range{First: i, Count: 1})
		}
	}
	if how == "answers" {
		out, err := w.s.Answered(crew.Seat{Index: index}, result)
		if err != nil {
			t.Fatalf("an honest answer was refused: %v", err)
		}
		m.chunks, m.answered = m.chunks[1:], m.answered+c.Count
		w.take(t, out)
		return
	}
	var beats []backbones.Beat
	if w.beating {
		m.beats[c.Slot] = backbones.Beat{ChunkID: c.ID, Index: begun, Outcomes: marks}
		beats = m.beats
	}
	w.end(t, index, how, c, begun, beats)
}

// end ends a worker that is on an item.
func (w *world) end(t *rapid.T, index int, how string, c backbones.Chunk, begun int, beats []backbones.Beat) {
	at := crew.Sighting{Request: c.ID, Index: begun}
	if !w.beating {
		at.Index = unseen
	}
	blamed := how == "dies" || how == "is late"
	switch how {
	case "is late":
		w.s.Late(crew.Seat{Index: index}, at)
	case "was late":
		// It was on another item when that was noticed, and has gone on since.
		w.s.Late(crew.Seat{Index: index}, crew.Sighting{Request: c.ID + 1000, Index: begun})
	case "is replaced":
		w.s.Retire(crew.Seat{Index: index})
		if _, ok := w.s.next(index); ok {
			t.Fatalf("a worker that is to be replaced got a chunk")
		}
		blamed = true
	}
	if blamed && (w.beating && begun < c.Count || !w.beating && c.Count == 1) {
		w.failures[cut.Number(c.Parts, begun*min(len(beats), 1))]++
	}
	w.conclude(t, index, beats, how == "is ended")
}

func TestPoisonItemFailsAfterOneRetryAlone(t *testing.T) {
	s := newScheduler(1, 10)
	s.Add(jsonBlock(0, 10))
	s.ended = true
	l := newLedger()
	s.Opened(crew.Seat{}, nil)
	c, _ := s.next(0)
	beat := backbones.Beat{ChunkID: c.ID, Index: 4, Outcomes: make([]byte, 4)}
	out, _ := s.died(0, []backbones.Beat{beat}, backbones.Exit{Signal: syscall.SIGKILL}, false)
	l.add(out)
	if len(l.done) != 4 || len(l.failed) != 0 {
		t.Fatalf("after the first death: done %v, failed %v", l.done, l.failed)
	}
	s.Opened(crew.Seat{}, nil)
	alone, ok := s.next(0)
	if got := lines(t, alone); !ok || len(got) != 1 || got[0] != `{"i":4}` {
		t.Fatalf("the suspect is not retried alone: %v", got)
	}
	if _, ok := s.next(0); ok {
		t.Fatal("the suspect has company")
	}
	out, _ = s.died(0, []backbones.Beat{{ChunkID: alone.ID}}, backbones.Exit{Code: -1, Signal: syscall.SIGKILL}, false)
	l.add(out)
	if len(out.Failed) != 1 || out.Failed[0].Number != 4 || out.Failed[0].Item != `{"i":4}` || out.Failed[0].Failure.Kind != backbones.KindCrash {
		t.Fatalf("the poison item: %+v", out.Failed)
	}
	s.Opened(crew.Seat{}, nil)
	for {
		c, ok := s.next(0)
		if !ok {
			break
		}
		out, err := s.Answered(crew.Seat{}, backbones.Result{ChunkID: c.ID, Count: c.Count})
		if err != nil {
			t.Fatal(err)
		}
		l.add(out)
	}
	if !s.Finished() || len(l.done) != 9 {
		t.Fatalf("finished %v, done %v", s.Finished(), l.done)
	}
}

// A page that says more than the chunk has is not believed: the items it would call done go to others.
func TestPageOfAnotherChunk(t *testing.T) {
	s := newScheduler(1, 10)
	s.Add(jsonBlock(0, 10))
	s.ended = true
	s.Opened(crew.Seat{}, nil)
	c, _ := s.next(0)
	out, _ := s.died(0, []backbones.Beat{{ChunkID: c.ID, Index: 11, Outcomes: make([]byte, 11)}}, backbones.Exit{Code: 1}, false)
	if len(out.Done) != 0 || s.pending() != 10 {
		t.Errorf("done %v, %d items are left", out.Done, s.pending())
	}
}

func TestProtocolBreaches(t *testing.T) {
	fresh := func() (*scheduler, backbones.Chunk) {
		s := newScheduler(1, 5)
		s.Add(jsonBlock(0, 10))
		s.Opened(crew.Seat{}, nil)
		c, _ := s.next(0)
		return s, c
	}
	failures := func(indexes ...int) (f []backbones.ItemFailure) {
		for _, i := range indexes {
			f = append(f, backbones.ItemFailure{Index: i})
		}
		return f
	}
	tests := []struct {
		name   string
		result func(c backbones.Chunk) backbones.Result
		want   string
	}{
		{"unknown chunk", func(c backbones.Chunk) backbones.Result { return backbones.Result{ChunkID: 99, Count: c.Count} }, "chunk 99"},
		{"wrong count", func(c backbones.Chunk) backbones.Result { return backbones.Result{ChunkID: c.ID, Count: 4} }, "4 items"},
		{"item that was not sent", func(c backbones.Chunk) backbones.Result {
			return backbones.Result{ChunkID: c.ID, Count: c.Count, Failures: failures(5)}
		}, "item 5"},
		{"item twice", func(c backbones.Chunk) backbones.Result {
			return backbones.Result{ChunkID: c.ID, Count: c.Count, Failures: failures(2, 2)}
		}, "twice for item 2"},
		{"skipped and failed", func(c backbones.Chunk) backbones.Result {
			return backbones.Result{ChunkID: c.ID, Count: c.Count, Failures: failures(2), Skipped: []backbones.Range{{First: 1, Count: 2}}}
		}, "twice for item 2"},
		{"more without an output than are done", func(c backbones.Chunk) backbones.Result {
			return backbones.Result{
				ChunkID: c.ID, Count: c.Count, Failures: failures(2), Skipped: []backbones.Range{{First: 3, Count: 2}},
				Unwritten: backbones.Unwritten{Count: 3},
			}
		}, "3 items of chunk 1 as done without an output, but only 2 are done"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := fresh()
			_, err := s.Answered(crew.Seat{}, tt.result(c))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	t.Run("answered twice", func(t *testing.T) {
		s, c := fresh()
		ok := backbones.Result{ChunkID: c.ID, Count: c.Count}
		if _, err := s.Answered(crew.Seat{}, ok); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Answered(crew.Seat{}, ok); err == nil {
			t.Fatal("the second answer was taken")
		}
	})
}

func TestChunkSizes(t *testing.T) {
	fast := sizer{perItem: time.Microsecond, reached: 1 << 20}
	slow := sizer{perItem: 30 * time.Second, reached: 1}
	tests := []struct {
		name    string
		s       sizer
		left    int
		workers int
		want    int
	}{
		{"nothing known", sizer{}, -1, 4, 1},
		{"fast items fill the page", fast, -1, 4, backbones.MaxChunkItems},
		{"growth by steps", sizer{perItem: time.Microsecond, reached: 8}, -1, 4, 64},
		{"aims at 100 ms", sizer{perItem: time.Millisecond, reached: 1000}, -1, 4, 100},
		{"slow items go one by one", slow, -1, 4, 1},
		{"shares the end", fast, 800, 4, 100},
		{"the last one", fast, 1, 4, 1},
		{"the user's number is exact", sizer{fixed: 7, perItem: time.Hour}, 3, 4, 7},
	}
	for _, tt := range tests {
		if got := tt.s.next(tt.left, tt.workers); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := slow.ahead(1, 3, 4); got != 1 {
		t.Errorf("long items near the end are queued %d deep: another worker cannot take them", got)
	}
	if got := fast.ahead(1000, -1, 2); got != backbones.MaxInFlight {
		t.Errorf("short chunks are queued %d deep, want %d", got, backbones.MaxInFlight)
	}
}
