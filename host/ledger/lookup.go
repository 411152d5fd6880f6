package ledger

import "slices"

// keyCursor finds the keys of items of a layer whose numbers mostly ascend.
type keyCursor struct {
	segments []segment
	at       int
}

// find returns the segment that has a number; nil: none has.
func (c *keyCursor) find(number uint64) *segment {
	if c.at > 0 && (c.at == len(c.segments) || number < c.segments[c.at].first) {
		c.at, _ = slices.BinarySearchFunc(c.segments, number, func(s segment, n uint64) int {
			if s.first+uint64(s.count) <= n {
				return -1
			}
			return 1
		})
	}
	for c.at < len(c.segments) && c.segments[c.at].first+uint64(c.segments[c.at].count) <= number {
		c.at++
	}
	if c.at == len(c.segments) || c.segments[c.at].first > number {
		return nil
	}
	return &c.segments[c.at]
}

// table is a multiset of keys: an item that is there twice is found twice.
type table struct {
	keys  []Key
	taken []uint64
}

func newTable(keys []Key) *table {
	slices.Sort(keys)
	return &table{keys: keys, taken: make([]uint64, (len(keys)+63)/64)}
}

// take reports whether a key is in the set, and takes it out.
func (t *table) take(k Key) bool {
	i, ok := slices.BinarySearch(t.keys, k)
	for ; ok && i < len(t.keys) && t.keys[i] == k; i++ {
		if bit := uint64(1) << (i % 64); t.taken[i/64]&bit == 0 {
			t.taken[i/64] |= bit
			return true
		}
	}
	return false
}

// layerLookup answers which items of a new listing are finished according to a layer of an earlier run. As long as the
// listing is the same, number and key agree, and nothing has to be looked up. From the first item on that differs, items
// are known by their keys alone.
type layerLookup struct {
	layer    *Layer
	keys     keyCursor
	finished cursor
	// byKey has the finished items from where the listings differ; nil: they have not differed yet.
	byKey *table
}

func newLayerLookup(l *Layer) *layerLookup {
	return &layerLookup{layer: l, keys: keyCursor{segments: l.segments}, finished: cursor{set: l.Finished()}}
}

// has is asked once for each item, in the order of numbers.
func (l *layerLookup) has(number uint64, key Key) bool {
	if l.byKey != nil {
		return l.byKey.take(key)
	}
	s := l.keys.find(number)
	if s == nil && l.keys.at == len(l.keys.segments) {
		// The earlier run had not come this far.
		return false
	}
	if s != nil && s.key(number) == key {
		return l.finished.has(number)
	}
	l.differ(number)
	return l.byKey.take(key)
}

// differ gives up numbers: those below were found to agree.
func (l *layerLookup) differ(number uint64) {
	var keys []Key
	for i := range l.layer.segments {
		s := &l.layer.segments[i]
		if s.kind == kindIndexed {
			continue
		}
		for n := max(s.first, number); n < s.first+uint64(s.count); n++ {
			if l.finished.has(n) {
				keys = append(keys, s.key(n))
			}
		}
	}
	l.byKey = newTable(keys)
}

// indexed returns which items of an indexed list are finished. same is false when the layer is of another list.
func (l *layerLookup) indexed(seed Key) (finished Spans, same bool) {
	for _, s := range l.layer.segments {
		if s.kind == kindIndexed && s.seed == seed {
			return l.finished.set, true
		}
	}
	return nil, len(l.layer.segments) == 0
}

// merge joins an older layer to a newer one whose listing agrees with it. ok is false when it does not.
func merge(newer, older *Layer) (merged Layer, ok bool) {
	last := uint64(0)
	for _, s := range older.segments {
		last = max(last, s.first+uint64(s.count))
	}
	at := keyCursor{segments: older.segments}
	segments := slices.Clone(older.segments)
	for i := range newer.segments {
		s := newer.segments[i]
		if s.first < last {
			inside := min(s.first+uint64(s.count), last)
			for n := s.first; n < inside; n++ {
				o := at.find(n)
				if o == nil || o.kind != s.kind || o.key(n) != s.key(n) {
					return Layer{}, false
				}
				if s.kind == kindIndexed {
					break
				}
			}
			if inside == s.first+uint64(s.count) {
				continue
			}
			if s.kind != kindKeys {
				return Layer{}, false
			}
			s.keys = s.keys[inside-s.first:]
			s.count, s.first = len(s.keys), inside
		}
		segments = append(segments, s)
	}
	return Layer{Resumed: union(newer.Finished(), older.Finished()), segments: segments}, true
}

// merged are the layers of a state, the newest first, those joined that agree.
func (s *State) merged() []*Layer {
	if s.joined != nil {
		return s.joined
	}
	out := []*Layer{}
	for _, l := range s.layers() {
		if len(l.segments) == 0 {
			continue
		}
		if k := len(out) - 1; k >= 0 {
			if m, ok := merge(out[k], l); ok {
				out[k] = &m
				continue
			}
		}
		out = append(out, l)
	}
	s.joined = out
	return out
}
