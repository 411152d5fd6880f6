package mp

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

func TestWhereAWorkerIs(t *testing.T) {
	s := newScheduler(1, 5)
	s.itemTimeout = time.Second
	s.Add(jsonBlock(0, 20))
	s.Opened(crew.Seat{}, nil)
	if _, ok := s.where(0, nil); ok {
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
		want  crew.Sighting
		text  string
	}{
		{"on an item", page(2, -1), crew.Sighting{Request: first.ID, Index: 2, Limit: time.Second}, `{"i":2}`},
		{"nothing begun", page(-1, -1), crew.Sighting{Request: first.ID, Index: between, Limit: time.Second + betweenItems}, "between items, with a chunk of 5"},
		{"finished, and neither answered nor gone on", page(5, -1), crew.Sighting{Request: first.ID, Index: answered, Limit: leastAnswer}, owed},
		{"on the second chunk, before the first is answered", page(5, 1), crew.Sighting{Request: second.ID, Index: 1, Limit: time.Second}, `{"i":6}`},
		{"all done, nothing answered", page(5, 5), crew.Sighting{Request: first.ID, Index: answered, Limit: leastAnswer}, owed},
		{"without a page", nil, crew.Sighting{Request: first.ID, Index: unseen, Limit: 5 * time.Second}, `one of 5 items, the first of which is {"i":0}`},
	}
	inFlight := []int{8, 10, 5, 4, 0, 10}
	for i, tt := range tests {
		if n := s.lanes[0].itemsInFlight(tt.beats); n != inFlight[i] {
			t.Errorf("%s: %d items are in flight, want %d", tt.name, n, inFlight[i])
		}
		got, ok := s.where(0, tt.beats)
		if owes := got.Index == answered; (got.Owed != "") != owes {
			t.Errorf("%s: it owes %q", tt.name, got.Owed)
		}
		text := s.Describe(crew.Seat{}, got)
		got.Owed = ""
		if !ok || got != tt.want {
			t.Errorf("%s: %+v %v, want %+v", tt.name, got, ok, tt.want)
		}
		if text != tt.text {
			t.Errorf("%s: %q, want %q", tt.name, text, tt.text)
		}
	}
}

// An answer is owed whether items have a limit or not.
func TestAnAnswerIsOwedWithinItsTime(t *testing.T) {
	for _, tt := range []struct {
		itemTimeout, limit time.Duration
	}{{0, crew.AnswerLimit}, {time.Second, leastAnswer}, {20 * time.Second, 20 * time.Second}, {time.Hour, crew.AnswerLimit}} {
		s := newScheduler(1, 5)
		s.itemTimeout = tt.itemTimeout
		s.Add(jsonBlock(0, 20))
		s.Opened(crew.Seat{}, nil)
		first, _ := s.next(0)
		at := func(index int) crew.Sighting {
			beats := make([]backbones.Beat, backbones.MaxInFlight)
			beats[first.Slot] = backbones.Beat{ChunkID: first.ID, Index: index}
			seen, _ := s.where(0, beats)
			return seen
		}
		if on := at(2); on.Limit != tt.itemTimeout || on.Owed != "" {
			t.Errorf("--item-timeout %v: an item may take %v", tt.itemTimeout, on.Limit)
		}
		if done := at(5); done.Limit != tt.limit || done.Owed == "" {
			t.Errorf("--item-timeout %v: the answer may take %v", tt.itemTimeout, done.Limit)
		}
	}
}
