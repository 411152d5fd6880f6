package cuda

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/backbonetest"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

func far(b *backbonetest.Bites, near uint64) uint64 {
	return []uint64{near, near - 1, near + 1, 0, 1<<64 - 1, 1 << 62, firstStride, firstStride * 3, 1 << 41}[b.Next(9)]
}

// answer is what a worker that says what it likes makes of its batches.
func answer(b *backbonetest.Bites, sent []backbones.Batch) backbones.BatchResult {
	var r backbones.BatchResult
	var about backbones.Batch
	if len(sent) > 0 {
		about = sent[b.Next(len(sent))]
	}
	r.ID, r.Count = about.ID, about.Count
	if b.Next(6) == 1 {
		r.ID = uint64(b.Wild(int(r.ID)))
	}
	if b.Next(6) == 1 {
		r.Count = b.Wild(r.Count)
	}
	switch b.Next(5) {
	case 1:
		r.Err = &backbones.BatchError{DeviceMemory: b.Next(2) == 1}
		if b.Next(2) == 1 {
			r.Err.RegionWanted = far(b, about.Region.Size)
		}
	case 2:
		for range b.Next(3) {
			r.Skipped = append(r.Skipped, backbones.Range{First: b.Wild(b.Next(8)), Count: b.Wild(b.Next(4))})
		}
		for range b.Next(3) {
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: b.Wild(b.Next(8))})
		}
	}
	if b.Next(3) > 0 {
		r.Payload = &backbones.Payload{Used: far(b, about.Region.Size)}
		for range b.Next(3) {
			r.Payload.Tensors = append(r.Payload.Tensors, backbones.Tensor{Offset: far(b, about.Region.Offset)})
		}
	}
	return r
}

// honest is the answer that lets a batch go on.
func honest(k int, apart bool, batch backbones.Batch) backbones.BatchResult {
	r := backbones.BatchResult{ID: batch.ID, Count: batch.Count}
	if k == load || k == device && apart {
		r.Payload = &backbones.Payload{}
	}
	return r
}

// FuzzAnswers lets workers of all stages answer anything, for anything, and die whenever they like. Every item still has
// exactly one outcome, none before it was sent, and no region is lost.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x01\x02\x03\x01\x00\x05\x02\x01\x01\x01\x02\x03\x04\x05\x06\x07", "\x01\x03\x02\x01\x01\x07\x00\x02\x03\x01\x01\x01\x04\x01\x01\x05\x00\x00\x01",
		"\x01\x08\x07\x00\x0c\x01\x00\x00\x00\x00\x02\x02\x01\x01\x00\x03\x01\x01\x02\x02\x01\x06", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1\xf0",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &backbonetest.Bites{Data: data}
		apart := b.Next(2) == 1
		s := newScheduler(1+b.Next(9), 1+b.Next(8), apart, 1<<40, []uint64{0, firstStride, firstStride << 4}[b.Next(3)])
		s.auto = b.Next(2) == 1
		want := [stages]int{1 + b.Next(2), 1 + b.Next(2), 0}
		if apart {
			want[finish] = 1 + b.Next(2)
		}
		total := 0
		for range 1 + b.Next(3) {
			one := block(total, 1+b.Next(20), []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed}[b.Next(3)])
			total += one.Count
			s.Add(one)
		}
		s.ended = true
		sent, outcomes := make([]bool, total), make([]int, total)
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
			for _, spans := range [][]backbones.Span{out.Done, out.Skipped} {
				for _, span := range spans {
					conclude(span.First, span.Count)
				}
			}
			for _, failed := range out.Failed {
				conclude(failed.Number, 1)
			}
		}
		var flights [stages][2][]backbones.Batch
		for k, n := range want {
			for worker := range n {
				s.Opened(crew.Seat{Stage: k, Index: worker}, nil)
			}
		}
		for steps := 0; ; steps++ {
			for {
				at, batch, ok := s.next()
				if !ok {
					break
				}
				for _, p := range batch.Parts {
					for i := range p.Take {
						sent[p.Block.First+uint64(p.Skip+i)] = true
					}
				}
				flights[at.Stage][at.Index] = append(flights[at.Stage][at.Index], batch)
			}
			if s.Finished() {
				break
			}
			if steps > 1000*total+100*len(data) {
				t.Fatal("it does not come to an end")
			}
			k := b.Next(stages)
			if len(b.Data) == 0 {
				k = steps % stages
			}
			if want[k] == 0 {
				continue
			}
			worker := b.Next(want[k])
			if len(b.Data) == 0 {
				worker = steps / stages % want[k]
			}
			mine := &flights[k][worker]
			dies := len(b.Data) > 0 && b.Next(6) == 1
			switch {
			case dies:
			case len(b.Data) > 0:
				out, err := s.Answered(crew.Seat{Stage: k, Index: worker}, answer(b, *mine))
				take(out)
				// A worker that breaks the protocol is ended.
				if dies = err != nil; !dies {
					*mine = (*mine)[1:]
				}
			case len(*mine) > 0:
				out, err := s.Answered(crew.Seat{Stage: k, Index: worker}, honest(k, apart, (*mine)[0]))
				if err != nil {
					t.Fatalf("an honest answer was refused: %v", err)
				}
				take(out)
				*mine = (*mine)[1:]
			}
			if dies {
				out, _ := s.Died(crew.Seat{Stage: k, Index: worker}, backbones.Exit{Code: 1}, false)
				take(out)
				*mine = nil
				s.Opened(crew.Seat{Stage: k, Index: worker}, nil)
			}
		}
		for i, n := range outcomes {
			if n != 1 {
				t.Errorf("item %d has %d outcomes", i, n)
			}
		}
		if n := s.in.used + s.out.used; n != 0 {
			t.Errorf("%d regions are in use at the end", n)
		}
	})
}
