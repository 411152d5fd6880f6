package mp

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// hostile is a worker that answers what it likes.
type hostile struct {
	*backbonetest.Bites
	sent []backbones.Chunk
}

func (h *hostile) answer() backbones.Result {
	r := backbones.Result{Busy: time.Duration(h.Wild(1000))}
	count := 0
	if n := len(h.sent); n > 0 {
		c := h.sent[h.Next(n)]
		r.ChunkID, count = c.ID, c.Count
	}
	if h.Next(4) == 0 {
		r.ChunkID = uint64(h.Wild(int(r.ChunkID)))
	}
	r.Count = count
	if h.Next(4) == 0 {
		r.Count = h.Wild(count)
	}
	for range h.Next(3) {
		r.Skipped = append(r.Skipped, backbones.Range{First: h.Wild(h.Next(8)), Count: h.Wild(h.Next(4))})
	}
	for range h.Next(3) {
		r.Failures = append(r.Failures, backbones.ItemFailure{Index: h.Wild(h.Next(8)), Item: "shown"})
	}
	return r
}

// page is what a worker that writes what it likes leaves on its heartbeat page, as the host reads it.
func (h *hostile) page() []backbones.Beat {
	if h.Next(3) == 0 {
		return nil
	}
	beats := make([]backbones.Beat, backbones.MaxInFlight)
	for slot := range beats {
		if n := len(h.sent); n > 0 && h.Next(4) > 0 {
			beats[slot].ChunkID = h.sent[h.Next(n)].ID
		}
		beats[slot].Index = max(h.Wild(h.Next(12)), 0) % (backbones.MaxChunkItems + 1)
		beats[slot].Outcomes = make([]byte, beats[slot].Index)
		for i := range min(beats[slot].Index, 12) {
			beats[slot].Outcomes[i] = byte(h.Next(3))
		}
	}
	return beats
}

// FuzzAnswers lets workers answer anything, for anything, in any order, and leave anything behind when they die. Every
// item still has exactly one outcome, and none has one before it was sent.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", "\x01\x02\x03\x04\x05\x06\x07", "\x00\x03\x01\x05\x02\x00\x00\x00\x01\x01\x00\x00\x02\x03\x01", "\x02\x01\x09\x02\x0b\x00\x01\x01\x00\x03\x05\x05\x05\x05",
		"\x01\x04\x02\x07\x00\x02\x02\x01\x00\x04\x02\x01\x01\x01\x05\x02\x01\x08\x03\x02\x01\x00\x06\x01", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &backbonetest.Bites{Data: data}
		workers := 1 + b.Next(3)
		s := newScheduler(workers, []int{0, 1, 3, 8}[b.Next(4)])
		total := 0
		for range 1 + b.Next(3) {
			block := jsonBlock(total, 1+b.Next(20))
			block.Encoding = []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed}[b.Next(3)]
			if block.Encoding == backbones.Indexed {
				block.Payload = nil
			}
			total += block.Count
			s.Add(block)
		}
		s.ended = true
		sent := make([]bool, total)
		outcomes := make([]int, total)
		conclude := func(number uint64, count int) {
			for i := number; i < number+uint64(count); i++ {
				if i >= uint64(total) || !sent[i] {
					t.Fatalf("item %d has an outcome and was not sent", i)
				}
				if outcomes[i]++; outcomes[i] > 1 {
					t.Fatalf("item %d has two outcomes", i)
				}
			}
		}
		take := func(out backbones.Outcomes) {
			for _, span := range append(out.Done, out.Skipped...) {
				conclude(span.First, span.Count)
			}
			for _, failed := range out.Failed {
				conclude(failed.Number, 1)
			}
		}
		alive := map[int]*hostile{}
		for steps := 0; !s.Finished(); steps++ {
			if steps > 100*total+len(data) {
				t.Fatalf("it does not come to an end: %d wait, %d chunks are in flight", s.pending(), s.InFlight())
			}
			s.At(time.Duration(steps))
			for w := range workers {
				if alive[w] == nil {
					alive[w] = &hostile{Bites: b}
					s.Opened(crew.Seat{Index: w}, nil)
				}
				for {
					c, ok := s.next(w)
					if !ok {
						break
					}
					for _, span := range cut.Spans(nil, c.Parts, 0, c.Count) {
						for i := range span.Count {
							sent[span.First+uint64(i)] = true
						}
					}
					alive[w].sent = append(alive[w].sent, c)
				}
			}
			who := b.Next(workers)
			if len(b.Data) == 0 {
				who = steps % workers
			}
			h := alive[who]
			dies := len(b.Data) > 0 && b.Next(5) == 0
			if !dies {
				r := h.answer()
				if len(b.Data) == 0 && len(h.sent) > 0 {
					r = backbones.Result{ChunkID: h.sent[0].ID, Count: h.sent[0].Count}
				}
				out, err := s.Answered(crew.Seat{Index: who}, r)
				take(out)
				// A worker that breaks the protocol is ended.
				if dies = err != nil; !dies {
					h.sent = h.sent[1:]
				}
			}
			if dies {
				out, _ := s.died(who, h.page(), backbones.Exit{Code: 1}, false)
				take(out)
				delete(alive, who)
			}
		}
		for i, n := range outcomes {
			if n != 1 {
				t.Errorf("item %d has %d outcomes", i, n)
			}
		}
	})
}
