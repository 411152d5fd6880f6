package mp

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// rampOf is a scheduler of 64 forked workers with items waiting, open of them started, and chunk the last answer.
func rampOf(items, open, chunk int, busy time.Duration, ended bool) *scheduler {
	s := newScheduler(64, 0)
	s.ramp.on = true
	s.At(0)
	s.Add(jsonBlock(0, items))
	if ended {
		s.End()
	}
	s.At(time.Second)
	for index := range open {
		s.Opened(crew.Seat{Index: index}, nil)
	}
	s.sizer.observe(chunk, busy)
	s.At(time.Second)
	return s
}

// slowStarts opens workers of the scheduler, 40 ms after each other.
func slowStarts(s *scheduler, workers int) *scheduler {
	for index := range workers {
		s.Wanted()
		s.At(s.now + 40*time.Millisecond)
		s.Opened(crew.Seat{Index: index}, nil)
	}
	return s
}

func TestWorkersAreWorthTheirStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		s      *scheduler
		wanted int
	}{
		{"before an item time is known", rampOf(5000, 0, 0, 0, false), firstWorkers},
		{"the first answers say little", rampOf(5000, 1, 8, 3*time.Millisecond, false), firstWorkers},
		{"fewer items than workers", rampOf(3, 0, 0, 0, false), 3},
		{"items without work", rampOf(5000, 4, 512, 512*time.Microsecond, false), 4},
		{"items of 100 us", rampOf(8000, 16, 100, 10*time.Millisecond, false), 17},
		{"four at a time", rampOf(8000, 4, 100, 10*time.Millisecond, false), 8},
		{"items of 10 ms", rampOf(5000, 62, 1, 10*time.Millisecond, false), 64},
		{"the last 4 s of work", rampOf(40000, 27, 1000, 100*time.Millisecond, true), 29},
		{"the last ms of work", rampOf(1000, 0, 1000, time.Millisecond, true), 1},
		{"the last 4 s of work, where a start takes 40 ms", slowStarts(rampOf(40000, 0, 1000, 100*time.Millisecond, true), 14), 15},
		{"none is taken away", rampOf(1000, 7, 1000, time.Millisecond, true), 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.Wanted()[0]; got != c.wanted {
				t.Errorf("%d workers are wanted, want %d", got, c.wanted)
			}
		})
	}
}

func TestAllWorkersStart(t *testing.T) {
	wanted := func(t *testing.T, s *scheduler, n int) {
		t.Helper()
		if got := s.Wanted()[0]; got != n {
			t.Fatalf("%d workers are wanted, want %d", got, n)
		}
	}
	t.Run("when nothing moves", func(t *testing.T) {
		s := rampOf(5000, 0, 0, 0, false)
		wanted(t, s, firstWorkers)
		at, ok := s.Wake()
		if !ok || at != time.Second+firstPatience {
			t.Fatalf("Wake: %v, %v", at, ok)
		}
		s.At(at - 1)
		wanted(t, s, firstWorkers)
		s.At(at)
		wanted(t, s, 64)
		if at, ok := s.Wake(); ok {
			t.Errorf("Wake has nothing more to do, and says %v", at)
		}
	})
	t.Run("when workers do not answer", func(t *testing.T) {
		s := rampOf(5000, 2, 0, 0, false)
		chunk, _ := s.next(0)
		at := time.Second + patience
		s.At(at - 1)
		wanted(t, s, firstWorkers)
		if _, err := s.Answered(crew.Seat{}, backbones.Result{ChunkID: chunk.ID, Count: chunk.Count, Busy: 1}); err != nil {
			t.Fatal(err)
		}
		s.At(at)
		wanted(t, s, firstWorkers)
		s.At(at - 1 + patience)
		wanted(t, s, 64)
	})
	t.Run("at once, where each is a process of its own", func(t *testing.T) {
		s := rampOf(5000, 0, 0, 0, false)
		s.ramp.on = false
		wanted(t, s, 64)
	})
	t.Run("not because nothing waited for long", func(t *testing.T) {
		s := newScheduler(64, 0)
		s.ramp.on = true
		s.At(0)
		s.At(time.Hour)
		s.Add(jsonBlock(0, 5000))
		s.At(2 * time.Hour)
		wanted(t, s, firstWorkers)
	})
}
