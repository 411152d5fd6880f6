package mp

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
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
}

// TestEveryItemHasOneOutcome lets workers answer, skip, fail and die at any point, with and without heartbeat pages, on
// blocks of all encodings.
func TestEveryItemHasOneOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 4).Draw(t, "workers")
		beating := rapid.Bool().Draw(t, "heartbeat")
		s := newScheduler(workers, rapid.SampledFrom([]int{0, 0, 1, 3, 100}).Draw(t, "chunksize"))
		var blocks []backbones.Block
		total := 0
		for range rapid.IntRange(0, 6).Draw(t, "blocks") {
			b := jsonBlock(total, rapid.IntRange(1, 40).Draw(t, "count"))
			b.Encoding = rapid.SampledFrom([]backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed}).Draw(t, "encoding")
			if b.Encoding == backbones.Indexed {
				b.Payload = nil
			}
			total += b.Count
			blocks = append(blocks, b)
		}
		l := newLedger()
		alive := map[int]*model{}
		for !s.finished() {
			for len(blocks) > 0 && s.wants() {
				s.add(blocks[0])
				blocks = blocks[1:]
			}
			s.ended = s.ended || len(blocks) == 0
			for w := range workers {
				if alive[w] == nil {
					alive[w] = &model{beats: make([]backbones.Beat, backbones.MaxInFlight)}
					s.opened(w)
				}
				for {
					c, ok := s.next(w)
					if !ok {
						break
					}
					checkChunk(t, c)
					alive[w].chunks = append(alive[w].chunks, c)
				}
			}
			step(t, s, l, alive, rapid.IntRange(0, workers-1).Draw(t, "who"), beating)
		}
		l.check(t, total)
	})
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

// step lets one worker answer its oldest chunk, or die in the middle of it.
func step(t *rapid.T, s *scheduler, l *ledger, alive map[int]*model, who int, beating bool) {
	m := alive[who]
	if len(m.chunks) == 0 {
		if rapid.IntRange(0, 9).Draw(t, "idle death") == 0 {
			out, _ := s.died(who, m.beats, backbones.Exit{})
			l.add(out)
			delete(alive, who)
		}
		return
	}
	c := m.chunks[0]
	begun := c.Count
	dies := rapid.IntRange(0, 3).Draw(t, "dies") == 0
	if dies {
		begun = rapid.IntRange(0, c.Count).Draw(t, "begun")
	}
	result := backbones.Result{ChunkID: c.ID, Count: c.Count, Busy: time.Duration(rapid.IntRange(1, 1e8).Draw(t, "busy"))}
	marks := make([]byte, begun)
	for i := range marks {
		marks[i] = rapid.SampledFrom([]byte{0, 0, 0, 1, 2}).Draw(t, "outcome")
		switch marks[i] {
		case backbones.OutcomeFailed:
			result.Failures = append(result.Failures, backbones.ItemFailure{Index: i})
		case backbones.OutcomeSkipped:
			result.Skipped = append(result.Skipped, backbones.Range{First: i, Count: 1})
		}
	}
	if !dies {
		out, err := s.answered(who, result)
		if err != nil {
			t.Fatalf("an honest answer was refused: %v", err)
		}
		l.add(out)
		m.chunks = m.chunks[1:]
		return
	}
	var beats []backbones.Beat
	if beating {
		m.beats[c.Slot] = backbones.Beat{ChunkID: c.ID, Index: begun, Outcomes: marks}
		beats = m.beats
	}
	out, _ := s.died(who, beats, backbones.Exit{Code: -1, Signal: syscall.SIGKILL})
	l.add(out)
	delete(alive, who)
}

func TestPoisonItemFailsAfterOneRetryAlone(t *testing.T) {
	s := newScheduler(1, 10)
	s.add(jsonBlock(0, 10))
	s.ended = true
	l := newLedger()
	s.opened(0)
	c, _ := s.next(0)
	beat := backbones.Beat{ChunkID: c.ID, Index: 4, Outcomes: make([]byte, 4)}
	out, _ := s.died(0, []backbones.Beat{beat}, backbones.Exit{Signal: syscall.SIGKILL})
	l.add(out)
	if len(l.done) != 4 || len(l.failed) != 0 {
		t.Fatalf("after the first death: done %v, failed %v", l.done, l.failed)
	}
	s.opened(0)
	alone, ok := s.next(0)
	if got := lines(t, alone); !ok || len(got) != 1 || got[0] != `{"i":4}` {
		t.Fatalf("the suspect is not retried alone: %v", got)
	}
	if _, ok := s.next(0); ok {
		t.Fatal("the suspect has company")
	}
	out, _ = s.died(0, []backbones.Beat{{ChunkID: alone.ID}}, backbones.Exit{Code: -1, Signal: syscall.SIGKILL})
	l.add(out)
	if len(out.Failed) != 1 || out.Failed[0].Number != 4 || out.Failed[0].Item != `{"i":4}` || out.Failed[0].Failure.Kind != backbones.KindCrash {
		t.Fatalf("the poison item: %+v", out.Failed)
	}
	s.opened(0)
	for {
		c, ok := s.next(0)
		if !ok {
			break
		}
		out, err := s.answered(0, backbones.Result{ChunkID: c.ID, Count: c.Count})
		if err != nil {
			t.Fatal(err)
		}
		l.add(out)
	}
	if !s.finished() || len(l.done) != 9 {
		t.Fatalf("finished %v, done %v", s.finished(), l.done)
	}
}

func TestProtocolBreaches(t *testing.T) {
	fresh := func() (*scheduler, backbones.Chunk) {
		s := newScheduler(1, 5)
		s.add(jsonBlock(0, 10))
		s.opened(0)
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := fresh()
			_, err := s.answered(0, tt.result(c))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	t.Run("answered twice", func(t *testing.T) {
		s, c := fresh()
		ok := backbones.Result{ChunkID: c.ID, Count: c.Count}
		if _, err := s.answered(0, ok); err != nil {
			t.Fatal(err)
		}
		if _, err := s.answered(0, ok); err == nil {
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
