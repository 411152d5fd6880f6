package plan

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// conclusions counts the items that have their outcome.
type conclusions struct {
	count   atomic.Uint64
	changed chan struct{}
}

// Concluded says that so many more of the items that were yielded have their outcome. Items that others are working on are looked
// at again when all have.
func (s *Source) Concluded(n int) {
	s.concluded.count.Add(uint64(n))
	select {
	case s.concluded.changed <- struct{}{}:
	default:
	}
}

// StillOpen is how many items others were still working on at the end.
func (s *Source) StillOpen() int64 { return s.told.Load() }

func (s *Source) leave(o openItem) error {
	o.line = slices.Clone(o.line)
	s.open = append(s.open, o)
	return nil
}

// lookAgain waits until all else is done, and then takes the items that no run is working on any more. It is patient for a while: who was
// killed may not be gone yet.
func (s *Source) lookAgain() error {
	if len(s.open) == 0 {
		return nil
	}
	// Nobody is to wait for more of them meanwhile.
	if err := s.send(backbones.Block{Encoding: backbones.JSONLines}); err != nil {
		return err
	}
	for s.concluded.count.Load() < s.first {
		select {
		case <-s.concluded.changed:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	end := time.NewTimer(s.o.Patience)
	defer end.Stop()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		if err := s.takeUp(); err != nil || len(s.open) == 0 {
			return err
		}
		select {
		case <-again.C:
		case <-end.C:
			s.told.Store(int64(len(s.open)))
			return nil
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// lookEvery is how often open items are looked at while there is patience for them.
const lookEvery = 100 * time.Millisecond

// takeUp takes the items that no run is working on any more from those that are open.
func (s *Source) takeUp() error {
	c := &s.Counters
	var still []openItem
	for _, item := range s.open {
		state := template.OutputUnfinished
		// In this order: what is noted counts for what was there before.
		if _, err := storeOf(s.o.FS).stat(item.path, true); err == nil {
			rel := []byte(item.rel)
			if _, err := s.o.Journal.Look(template.Folder(rel)); err != nil {
				return err
			}
			state = s.o.Journal.Of(rel)
		}
		switch state {
		case template.OutputOpen:
			still = append(still, item)
			continue
		case template.OutputWhole:
			c.Done.Add(1)
		default:
			c.ToDo.Add(1)
			if err := s.add(item.line); err != nil {
				return err
			}
		}
		c.Open.Add(^uint64(0))
	}
	s.open = still
	return s.flush()
}
