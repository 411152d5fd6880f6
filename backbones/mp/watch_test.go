package mp

import (
	"slices"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestWatchdogEndsNoItemEarly(t *testing.T) {
	w := watchdog{itemTimeout: time.Second, seen: map[int]sighting{}}
	every := w.interval()
	at := sighting{chunk: 1, index: 3, limit: time.Second}
	for passed := time.Duration(0); passed < time.Second; passed += every {
		if seen, late := w.look(0, at); late {
			t.Fatalf("it is late after %v", seen.elapsed)
		}
		w.pass(every)
	}
	seen, late := w.look(0, at)
	if !late || seen.elapsed < time.Second {
		t.Errorf("after %v it is not late", seen.elapsed)
	}
	at.index++
	if _, late := w.look(0, at); late {
		t.Error("the next item is late from its start")
	}
}

// A host that was stopped, or a machine that slept, stopped the workers as well.
func TestWatchdogCountsNoGap(t *testing.T) {
	w := watchdog{itemTimeout: time.Second, stallAfter: time.Second, seen: map[int]sighting{}}
	at := sighting{chunk: 1, index: 3, limit: time.Second}
	w.look(0, at)
	w.pass(time.Hour)
	if seen, late := w.look(0, at); late {
		t.Errorf("an hour's gap counted as %v", seen.elapsed)
	}
	if still, due := w.stalled(); due {
		t.Errorf("an hour's gap is a stall of %v", still)
	}
}

func TestStallsAreToldEverMoreSeldom(t *testing.T) {
	w := watchdog{stallAfter: time.Second, seen: map[int]sighting{}}
	var told []time.Duration
	for w.clock < 20*time.Second {
		w.look(0, sighting{chunk: 1})
		if still, due := w.stalled(); due {
			told = append(told, still)
		}
		w.pass(w.interval())
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}; !slices.Equal(told, want) {
		t.Errorf("told after %v, want %v", told, want)
	}
	w.move()
	if _, due := w.stalled(); due {
		t.Error("it is told though something has just moved")
	}
}

func TestWhereAWorkerIs(t *testing.T) {
	s := newScheduler(1, 5)
	s.add(jsonBlock(0, 20))
	s.opened(0)
	if _, ok := s.where(0, nil, time.Second); ok {
		t.Error("a worker with nothing to do is somewhere")
	}
	first, _ := s.next(0)
	second, _ := s.next(0)
	page := func(firstAt, secondAt int) []backbones.Beat {
		beats := make([]backbones.Beat, backbones.MaxInFlight)
		if firstAt >= 0 {
			beats[first.Slot] = backbones.Beat{ChunkID: first.ID, Index: firstAt}
		}
		if secondAt >= 0 {
			beats[second.Slot] = backbones.Beat{ChunkID: second.ID, Index: secondAt}
		}
		return beats
	}
	const owed = "none: it has finished a chunk of 5 and has not answered it"
	tests := []struct {
		name  string
		beats []backbones.Beat
		want  sighting
		text  string
	}{
		{"on an item", page(2, -1), sighting{chunk: first.ID, index: 2, limit: time.Second}, `{"i":2}`},
		{"nothing begun", page(-1, -1), sighting{chunk: first.ID, index: between, limit: time.Second + betweenItems}, "between items, with a chunk of 5"},
		{"finished, and neither answered nor gone on", page(5, -1), sighting{chunk: first.ID, index: answered, limit: leastAnswer}, owed},
		{"on the second chunk, before the first is answered", page(5, 1), sighting{chunk: second.ID, index: 1, limit: time.Second}, `{"i":6}`},
		{"all done, nothing answered", page(5, 5), sighting{chunk: first.ID, index: answered, limit: leastAnswer}, owed},
		{"without a page", nil, sighting{chunk: first.ID, index: unseen, limit: 5 * time.Second}, `one of 5 items, the first of which is {"i":0}`},
	}
	for _, tt := range tests {
		got, ok := s.where(0, tt.beats, time.Second)
		if !ok || got != tt.want {
			t.Errorf("%s: %+v %v, want %+v", tt.name, got, ok, tt.want)
		}
		if text := s.describe(0, got); text != tt.text {
			t.Errorf("%s: %q, want %q", tt.name, text, tt.text)
		}
	}
}

// An answer is owed whether items have a limit or not; an item without a limit may take as long as it likes.
func TestAnAnswerIsOwedWithinItsTime(t *testing.T) {
	for _, tt := range []struct {
		itemTimeout, limit time.Duration
	}{{0, answerLimit}, {time.Second, leastAnswer}, {20 * time.Second, 20 * time.Second}, {time.Hour, answerLimit}} {
		s := newScheduler(1, 5)
		s.add(jsonBlock(0, 20))
		s.opened(0)
		first, _ := s.next(0)
		beats := make([]backbones.Beat, backbones.MaxInFlight)
		w := watchdog{itemTimeout: tt.itemTimeout, seen: map[int]sighting{}}
		look := func(index int) (sighting, bool) {
			beats[first.Slot] = backbones.Beat{ChunkID: first.ID, Index: index}
			at, _ := s.where(0, beats, tt.itemTimeout)
			return w.look(0, at)
		}
		if tt.itemTimeout == 0 {
			for range 3 {
				w.clock += time.Hour
				if at, late := look(2); late {
					t.Errorf("an item without a limit is late after %v", at.elapsed)
				}
			}
		}
		look(5)
		w.clock += tt.limit - 1
		if at, late := look(5); late {
			t.Errorf("--item-timeout %v: the answer is late after %v", tt.itemTimeout, at.elapsed)
		}
		w.clock++
		if at, late := look(5); !late || at.index != answered {
			t.Errorf("--item-timeout %v: the answer is not late after %v", tt.itemTimeout, at.elapsed)
		}
	}
}
