package plan

import (
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Journal knows which of the existing outputs are not whole. One goroutine uses it.
type Journal interface {
	// Look reads what is noted now about outputs in a folder, which is relative to the output root as their paths are. Of then
	// answers for outputs that existed before the call. False: nothing is noted, so all of them are whole.
	Look(folder []byte) (bool, error)
	// Of returns the state of an existing output, by its path relative to the output root (template.Relative).
	Of(rel []byte) template.OutputState
}

// openItem is an item whose output another run is working on.
type openItem struct {
	line []byte
	// path is the output that the finish check looks for, and rel its path in the journal.
	path, rel string
	// inputs are those that the output must not be older than; nil: its age does not matter.
	inputs []string
}

// Concluded adds n to the number of yielded items that have their outcome. When all have, the source looks again at the items that
// other runs are working on.
func (s *Source) Concluded(n int) {
	s.concluded.Add(uint64(n))
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// StillOpen is the number of items that other runs were still working on at the end.
func (s *Source) StillOpen() int64 { return s.stillOpen.Load() }

func (s *Source) leave(o openItem) error {
	o.line = slices.Clone(o.line)
	s.open = append(s.open, o)
	return nil
}

// finish sends the last block. Then it waits until everything else is done, and takes the items that no run is working on any more. It
// tries for a while, since a killed run may not have ended yet.
func (s *Source) finish() error {
	if err := s.flush(); err != nil || len(s.open) == 0 {
		return err
	}
	// The empty block tells the consumer not to wait for more.
	if err := s.send(backbones.Block{Encoding: backbones.JSONLines}); err != nil {
		return err
	}
	for s.concluded.Load() < s.first {
		select {
		case <-s.changed:
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
			s.stillOpen.Store(int64(len(s.open)))
			return nil
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// lookEvery is the time between two looks at open items.
const lookEvery = 100 * time.Millisecond

// takeUp takes those of the open items that no run is working on any more.
func (s *Source) takeUp() error {
	c := &s.Counters
	var still []openItem
	for _, item := range s.open {
		state := template.OutputMissing
		// The journal answers for outputs that existed before it looks.
		if exists(s.o.store(), item.path) {
			rel := []byte(item.rel)
			if _, err := s.o.Journal.Look(template.Folder(rel)); err != nil {
				return err
			}
			state = s.o.Journal.Of(rel)
		}
		if state == template.OutputWhole && (s.o.Made != nil || outdated(s.o.store(), item.path, item.inputs)) {
			// Nothing tells yet what the other run made it with.
			state = template.OutputOutdated
		}
		switch state {
		case template.OutputOpen:
			still = append(still, item)
			continue
		case template.OutputWhole:
			c.Done.Add(1)
		default:
			c.ToDo.Add(1)
			if err := s.addLine(item.line, ""); err != nil {
				return err
			}
		}
		c.Open.Add(^uint64(0))
	}
	s.open = still
	return s.flush()
}
