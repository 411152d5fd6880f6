package crew

import (
	"slices"
	"testing"
	"time"
)

func TestWatchdogEndsNoItemEarly(t *testing.T) {
	w := watchdog{itemTimeout: time.Second, seen: map[Seat]Sighting{}}
	every := w.interval()
	at := Sighting{Request: 1, Index: 3, Limit: time.Second}
	for passed := time.Duration(0); passed < time.Second; passed += every {
		if seen, late := w.look(Seat{}, at); late {
			t.Fatalf("it is late after %v", seen.Elapsed)
		}
		w.pass(every)
	}
	seen, late := w.look(Seat{}, at)
	if !late || seen.Elapsed < time.Second {
		t.Errorf("after %v it is not late", seen.Elapsed)
	}
	at.Index++
	if _, late := w.look(Seat{}, at); late {
		t.Error("the next item is late from its start")
	}
}

// A host that was stopped, or a machine that slept, stopped the workers as well.
func TestWatchdogCountsNoGap(t *testing.T) {
	w := watchdog{itemTimeout: time.Second, stallAfter: time.Second, seen: map[Seat]Sighting{}}
	at := Sighting{Request: 1, Index: 3, Limit: time.Second}
	w.look(Seat{}, at)
	w.pass(time.Hour)
	if seen, late := w.look(Seat{}, at); late {
		t.Errorf("an hour's gap counted as %v", seen.Elapsed)
	}
	if still, due := w.stalled(); due {
		t.Errorf("an hour's gap is a stall of %v", still)
	}
}

func TestStallsAreToldEverMoreSeldom(t *testing.T) {
	w := watchdog{stallAfter: time.Second, seen: map[Seat]Sighting{}}
	var told []time.Duration
	for w.clock < 20*time.Second {
		w.look(Seat{}, Sighting{Request: 1})
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
