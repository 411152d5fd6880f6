package ledger

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/regular"
)

// State is what a ledger says became of the items. Each number is in at most one of the sets of a layer.
type State struct {
	Layer
	// Earlier are the layers that the run had taken over from earlier ones, the newest first. They count for items that
	// the run itself had not come to; when its listing is complete there are none.
	Earlier []Layer
	// Listed is how many items the listing had; -1: the run did not come to its end.
	Listed int64
	// Cut is how many bytes at the end of the record belong to no whole record.
	Cut int64

	// ended is how many layers there were before the run's own.
	ended  int
	joined []*Layer
}

// Layer is the outcomes of one run, under the numbers that its listing gave to items.
type Layer struct {
	// Done are items that the run did, Skipped those that the task's own check found finished, Resumed those that were
	// left out because an earlier run had done them, Failed those that failed and were not done in a later attempt.
	Done, Skipped, Resumed, Failed Spans
	segments                       []segment
}

// segment is the keys of consecutive items.
type segment struct {
	kind  kind
	first uint64
	count int
	// keys are of kindKeys alone, seed of the others.
	keys []Key
	seed Key
}

// Finished are all items that need not be done again.
func (l *Layer) Finished() Spans { return union(l.Done, l.Skipped, l.Resumed) }

// key is the key of an item of the segment.
func (s *segment) key(number uint64) Key {
	switch s.kind {
	case kindKeys:
		return s.keys[number-s.first]
	case kindOpaque:
		return seedKey(s.seed, number-s.first)
	default:
		return seedKey(s.seed, number)
	}
}

// ReadState reads the record of outcomes in a run's folder. A run that died before it had one has an empty state.
// keys says whether to read the keys of items, too, which takes 8 bytes an item.
func ReadState(dir string, keys bool) (*State, error) {
	file, _, err := regular.Open(filepath.Join(dir, outcomesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &State{Listed: -1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what became of the items of a run: %w", err)
	}
	defer func() { _ = file.Close() }()
	s, whole, err := readState(file, noKeys)
	if err == nil && keys {
		// The keys of earlier layers are not read where these do not count any more.
		from := 0
		if s.Listed >= 0 {
			from = s.ended
		}
		if _, err = file.Seek(0, io.SeekStart); err == nil {
			s, whole, err = readState(file, from)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading what became of the items of a run: %s: %w", file.Name(), err)
	}
	if info, err := file.Stat(); err == nil {
		s.Cut = max(info.Size()-whole, 0)
	}
	return s, nil
}

// noKeys is beyond any layer.
const noKeys = 1 << 62

// readState reads a record of outcomes, with the keys of the layers from the given one on.
func readState(r io.Reader, keysFrom int) (*State, int64, error) {
	s := &State{Listed: -1}
	c := collector{keys: keysFrom == 0}
	whole, err := records(r, func(k kind, payload []byte) error {
		switch k {
		case kindListed:
			in := reader{rest: payload}
			n := in.uvarint()
			if in.bad || n > maxNumber {
				return errPayload
			}
			s.Listed = int64(n)
			return nil
		case kindLayer:
			s.Earlier = append(s.Earlier, c.layer())
			s.ended++
			c = collector{keys: s.ended >= keysFrom}
			return nil
		default:
			return c.add(k, payload)
		}
	})
	s.Layer = c.layer()
	if s.Listed >= 0 {
		s.Earlier = nil
	}
	return s, whole, err
}

// collector makes a layer of records.
type collector struct {
	keys     bool
	sets     [kindFailed + 1][]backbones.Span
	segments []segment
}

// tidyAt bounds how many spans are kept before they are joined.
const tidyAt = 1 << 18

func (c *collector) add(k kind, payload []byte) error {
	in := reader{rest: payload}
	switch k {
	case kindDone, kindSkipped, kindResumed, kindFailed:
		before := len(c.sets[k])
		set, err := in.spans(c.sets[k])
		if err != nil {
			return err
		}
		c.sets[k] = set
		if before/tidyAt != len(set)/tidyAt {
			c.sets[k] = normal(set)
		}
	case kindKeys:
		first := in.uvarint()
		if in.bad || first > maxNumber || len(in.rest)%8 != 0 || len(in.rest) == 0 {
			return errPayload
		}
		if !c.keys {
			return nil
		}
		keys := make([]Key, len(in.rest)/8)
		for i := range keys {
			keys[i] = Key(binary.LittleEndian.Uint64(in.rest[8*i:]))
		}
		c.segments = append(c.segments, segment{kind: k, first: first, count: len(keys), keys: keys})
	case kindOpaque, kindIndexed:
		first, count := in.uvarint(), in.uvarint()
		if in.bad || len(in.rest) != 8 || first > maxNumber || count == 0 || count > maxNumber {
			return errPayload
		}
		if c.keys {
			c.segments = append(c.segments, segment{kind: k, first: first, count: int(count), seed: Key(binary.LittleEndian.Uint64(in.rest))})
		}
	}
	// Kinds of a later version are left alone.
	return nil
}

func (c *collector) layer() Layer {
	done := normal(c.sets[kindDone])
	skipped := normal(c.sets[kindSkipped]).minus(done)
	resumed := normal(c.sets[kindResumed]).minus(done).minus(skipped)
	failed := normal(c.sets[kindFailed]).minus(done).minus(skipped).minus(resumed)
	slices.SortStableFunc(c.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return Layer{Done: done, Skipped: skipped, Resumed: resumed, Failed: failed, segments: c.segments}
}

// layers are the state's own layer and the earlier ones, the newest first.
func (s *State) layers() []*Layer {
	out := []*Layer{&s.Layer}
	for i := range slices.Backward(s.Earlier) {
		out = append(out, &s.Earlier[i])
	}
	return out
}

// carry writes layers of earlier runs, given the newest first, into a new ledger: the oldest first.
func carry(layers []*Layer, b *recordBuffer, flush func() error) error {
	for _, l := range slices.Backward(layers) {
		if len(l.Done)+len(l.Skipped)+len(l.Resumed) == 0 {
			continue
		}
		for _, seg := range l.segments {
			if seg.kind == kindKeys {
				b.keys(seg.first, seg.keys)
			} else {
				b.seed(seg.kind, seg.first, seg.count, seg.seed)
			}
			if err := flush(); err != nil {
				return err
			}
		}
		b.spans(kindDone, union(l.Done, l.Skipped))
		b.spans(kindResumed, l.Resumed)
		b.number(kindLayer, 0)
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}
