package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// State is what a ledger says became of the items. Each number is in at most one of the sets.
type State struct {
	// Done are items that the run did, Skipped those that the task's own check found finished, Resumed those that were
	// left out because an earlier run had done them, Failed those that failed and were not done in a later attempt.
	Done, Skipped, Resumed, Failed Spans
	// Listed is how many items the listing had; -1: the run did not come to its end.
	Listed int64
	// Cut is how many bytes at the end of the record belong to no whole record.
	Cut int64

	// lists has what is finished of each indexed list, by its seed; own are those that the run listed itself.
	lists map[itemkey.Key]Spans
	own   []list
	// layers are what earlier runs had finished, under their numbers there.
	layers []Spans
	// whole is the length of the whole records, keys how many keys they have.
	whole int64
	keys  int
	// record is the file, for the keys; nil: they are not wanted, or there is none.
	record *os.File
}

// list is the items of an indexed list.
type list struct {
	backbones.Span
	seed itemkey.Key
}

// Finished are all items that need not be done again.
func (s *State) Finished() Spans { return union(s.Done, s.Skipped, s.Resumed) }

// ReadState reads the record of outcomes in a run's folder. A run that died before it had one has an empty state.
// If keys is set, the state can be taken up by another run, and the caller closes it. Its keys stay in the file.
func ReadState(dir string, keys bool) (*State, error) {
	s := &State{Listed: -1}
	err := withFile(dir, outcomesFile, func(r *os.File, size int64) error {
		err := s.read(r)
		s.Cut = max(size-s.whole, 0)
		return err
	})
	if err == nil && keys && s.keys > 0 {
		s.record, _, err = regular.Open(filepath.Join(dir, outcomesFile))
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the file of a state that can be taken up.
func (s *State) Close() error {
	if s.record == nil {
		return nil
	}
	return s.record.Close()
}

// withFile reads a file of a run's folder, if there is one.
func withFile(dir, name string, read func(file *os.File, size int64) error) error {
	path := filepath.Join(dir, name)
	file, info, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer func() { _ = file.Close() }()
		err = read(file, info.Size())
	}
	if err != nil {
		return fmt.Errorf("reading what became of the items of a run: %s: %w", path, regular.Cause(err))
	}
	return nil
}

// tidyAt bounds how many spans are kept before they are joined.
const tidyAt = 1 << 18

// maxOpaque is more than any block of opaque items has.
const maxOpaque = 1 << 20

// read reads everything but keys.
func (s *State) read(r io.Reader) error {
	var sets [kindFailed + 1][]backbones.Span
	earlier := map[itemkey.Key]Spans{}
	// conclude makes final sets of what was read so far.
	conclude := func(into map[itemkey.Key]Spans) {
		s.Done = normal(sets[kindDone])
		s.Skipped = normal(sets[kindSkipped]).minus(s.Done)
		s.Resumed = normal(sets[kindResumed]).minus(s.Done).minus(s.Skipped)
		s.Failed = normal(sets[kindFailed]).minus(s.Finished())
		for _, l := range s.own {
			into[l.seed] = union(into[l.seed], s.Finished().within(l.Span))
		}
	}
	var err error
	s.whole, err = records(r, func(k kind, in *reader) error {
		switch k {
		case kindDone, kindSkipped, kindResumed, kindFailed:
			set := in.spans(sets[k])
			switch {
			case in.bad:
			case len(sets[k])/tidyAt != len(set)/tidyAt:
				sets[k] = normal(set)
			default:
				sets[k] = set
			}
		case kindKeys:
			in.number()
			s.keys += in.countKeys()
		case kindOpaque:
			span, _ := in.seeded()
			s.keys += min(span.Count, maxOpaque)
		case kindList:
			span, seed := in.seeded()
			if !in.bad {
				s.own = append(s.own, list{span, seed})
			}
		case kindListed:
			if n := in.number(); !in.bad {
				s.Listed = int64(n)
			}
		case kindLayer:
			conclude(earlier)
			finished := union(s.Done, s.Skipped)
			if len(s.layers) == 0 {
				// What a later layer resumed, one before it has.
				finished = s.Finished()
			}
			s.layers = append(s.layers, finished)
			sets, s.own = [kindFailed + 1][]backbones.Span{}, nil
		default:
			if k < kindOptional {
				return errLater
			}
		}
		return nil
	})
	s.lists = map[itemkey.Key]Spans{}
	conclude(s.lists)
	if s.Listed < 0 {
		for seed, finished := range earlier {
			s.lists[seed] = union(s.lists[seed], finished)
		}
	}
	return err
}

// known are the items that a run which takes this one up has to know.
func (s *State) known() *known {
	if s.record == nil {
		return s.knownIn(strings.NewReader(""))
	}
	return s.knownIn(io.NewSectionReader(s.record, 0, s.whole))
}

// knownIn are known items, of a record of outcomes of which the rest was read.
func (s *State) knownIn(r io.Reader) *known {
	k := &known{
		keys: &keyReader{records: recordReader{from: r}}, finished: cursor{set: s.Finished()}, resumed: cursor{set: s.Resumed}, left: s.keys,
	}
	for _, set := range s.layers {
		k.layers = append(k.layers, cursor{set: set})
	}
	k.alone = s.alone()
	return k
}

// alone reports whether all that earlier runs had finished may be among the run's own items.
func (s *State) alone() bool {
	var earlier int64
	for _, set := range s.layers {
		earlier += set.Items()
	}
	return s.Listed >= 0 || s.Resumed.Items() >= earlier
}

// eachKey calls visit for each key of a record of outcomes until it returns false. The last layer is the run's own.
func (s *State) eachKey(r io.Reader, visit func(layer int, number uint64, key itemkey.Key) bool) error {
	// A run that is under way may have written more by now.
	all := keyReader{records: recordReader{from: io.LimitReader(r, s.whole)}}
	for {
		layer, first, keys, err := all.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, key := range keys {
			if !visit(layer, first+uint64(i), key) {
				return nil
			}
		}
	}
}

// keysOf are the keys of those of a run's own items that are in a set.
func (s *State) keysOf(dir string, set Spans) (keys []itemkey.Key, err error) {
	err = s.visitKeys(dir, set, func(key itemkey.Key) { keys = append(keys, key) })
	return keys, err
}

// visitKeys calls visit for the key of each of a run's own items that is in a set.
func (s *State) visitKeys(dir string, set Spans, visit func(key itemkey.Key)) error {
	for _, l := range s.own {
		for _, span := range set.within(l.Span) {
			for n := span.First; n < end(span); n++ {
				visit(itemkey.At(l.seed, n))
			}
		}
	}
	if s.keys == 0 {
		return nil
	}
	wanted := cursor{set: set}
	return withFile(dir, outcomesFile, func(r *os.File, _ int64) error {
		return s.eachKey(r, func(layer int, number uint64, key itemkey.Key) bool {
			if layer == len(s.layers) && wanted.has(number) {
				visit(key)
			}
			return true
		})
	})
}

// empty reports whether nothing is known of any item.
func (s *State) empty() bool { return len(s.lists)+s.keys == 0 }
