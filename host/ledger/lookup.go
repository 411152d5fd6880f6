package ledger

import (
	"math/bits"
	"slices"
)

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
	// starts has the place of the first key of each bucket: keys are spread evenly, so their first bits say where to look,
	// and a search through all of them would miss the cache at every step.
	starts []uint32
	shift  int
}

// bucketKeys is about how many keys share a bucket.
const bucketKeys = 8

// newTable makes a table of keys, which it sorts. There are fewer than 2^32.
func newTable(keys []Key) *table {
	slices.Sort(keys)
	width := bits.Len(uint(len(keys) / bucketKeys))
	t := &table{keys: keys, taken: make([]uint64, (len(keys)+63)/64), starts: make([]uint32, 1<<width+1), shift: 64 - width}
	bucket := 0
	for i, k := range keys {
		for ; bucket <= t.bucket(k); bucket++ {
			t.starts[bucket] = uint32(i)
		}
	}
	for ; bucket < len(t.starts); bucket++ {
		t.starts[bucket] = uint32(len(keys))
	}
	return t
}

// bucket is the bucket of a key. A shift by 64 leaves nothing: one bucket.
func (t *table) bucket(k Key) int { return int(uint64(k) >> t.shift) }

// take reports whether a key is in the set, and takes it out.
func (t *table) take(k Key) bool {
	b := t.bucket(k)
	from, to := int(t.starts[b]), int(t.starts[b+1])
	i, _ := slices.BinarySearch(t.keys[from:to], k)
	for i += from; i < to && t.keys[i] == k; i++ {
		if bit := uint64(1) << (i % 64); t.taken[i/64]&bit == 0 {
			t.taken[i/64] |= bit
			return true
		}
	}
	return false
}

// lookup answers which items of a new listing are finished according to the layers of earlier runs, the newest first. As
// long as the listing is that of all of them, number and key agree, and nothing has to be looked up. From the first item
// on that differs from one of them, items are known by their keys alone.
type lookup struct {
	layers []*layerLookup
	byKey  bool
}

func newLookup(layers []*Layer) *lookup {
	l := &lookup{}
	for _, layer := range layers {
		l.layers = append(l.layers, &layerLookup{
			layer: layer, keys: keyCursor{segments: layer.segments}, finished: cursor{set: layer.Finished()},
		})
	}
	return l
}

// finished is asked once for each item, in the order of numbers.
func (l *lookup) finished(number uint64, key Key) bool {
	if !l.byKey {
		finished := false
		for _, layer := range l.layers {
			if !layer.agrees(number, key) {
				l.differ(number)
				break
			}
			finished = finished || layer.finished.has(number)
		}
		if !l.byKey {
			return finished
		}
	}
	finished := false
	for _, layer := range l.layers {
		if layer.own.take(key) {
			// Older layers may have others that are the same, which are not this one's to take.
			return true
		}
		// What a run found in an older layer is there, too, and is the same item.
		finished = layer.resumed.take(key) || finished
	}
	return finished
}

// differ gives up numbers: items below the given one were found to agree with every layer.
func (l *lookup) differ(number uint64) {
	l.byKey = true
	for _, layer := range l.layers {
		layer.differ(number)
	}
}

// layerLookup is one layer of a lookup.
type layerLookup struct {
	layer    *Layer
	keys     keyCursor
	finished cursor
	// own are the items that the layer's run did itself, resumed those that it found in an older layer; of both those
	// from where the listings differ.
	own, resumed *table
}

// agrees reports whether an item is what the layer has under its number, or the layer's run had not come this far.
func (l *layerLookup) agrees(number uint64, key Key) bool {
	s := l.keys.find(number)
	if s == nil {
		return l.keys.at == len(l.keys.segments)
	}
	return s.key(number) == key
}

func (l *layerLookup) differ(number uint64) {
	own, resumed := cursor{set: union(l.layer.Done, l.layer.Skipped)}, cursor{set: l.layer.Resumed}
	var ownKeys, resumedKeys []Key
	for i := range l.layer.segments {
		s := &l.layer.segments[i]
		if s.kind == kindIndexed {
			continue
		}
		for n := max(s.first, number); n < s.first+uint64(s.count); n++ {
			if own.has(n) {
				ownKeys = append(ownKeys, s.key(n))
			} else if resumed.has(n) {
				resumedKeys = append(resumedKeys, s.key(n))
			}
		}
	}
	l.own, l.resumed = newTable(ownKeys), newTable(resumedKeys)
}

// indexed returns which items of an indexed list are finished. same is false when the layer is of another list.
func (l *layerLookup) indexed(seed Key) (finished Spans, same bool) {
	for _, s := range l.layer.segments {
		if s.kind == kindIndexed && s.seed == seed {
			return l.layer.Finished(), true
		}
	}
	return nil, len(l.layer.segments) == 0
}

// merge joins an older layer to a newer one whose listing agrees with it. ok is false when it does not. Of items that are
// the same the newer run may have left out another than the older one had done: then numbers do not tell, either.
func merge(newer, older *Layer) (merged Layer, ok bool) {
	last := uint64(0)
	for _, s := range older.segments {
		last = max(last, s.first+uint64(s.count))
	}
	known := Spans{{First: 0, Count: int(last)}}
	finished := older.Finished()
	if len(newer.Resumed.minus(newer.Resumed.minus(known)).minus(finished)) > 0 || overlap(union(newer.Done, newer.Skipped), finished) {
		return Layer{}, false
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
	done := union(newer.Done, newer.Skipped, older.Done, older.Skipped)
	return Layer{Done: done, Resumed: union(newer.Resumed, older.Resumed).minus(done), segments: segments}, true
}

func overlap(a, b Spans) bool { return a.minus(b).Items() != a.Items() }

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
