package progress

import (
	"github.com/kagurazaka/kagurazaka/backbones"
)

// Slowest is the slowest item.
type Slowest struct {
	// Item is the item as text; empty: unknown. Items is 1, or the number of items that a worker got together: one of them, of which Item is the
	// first, may have taken most of Seconds.
	Item    string  `json:"item,omitempty"`
	Items   int     `json:"items"`
	Seconds float64 `json:"seconds"`
}

// slow has the slowest items so far: the one that a worker did alone, and the items that one did together.
type slow struct{ one, several Slowest }

// of are the slowest items of the same kind.
func (s *slow) of(n backbones.Slow) *Slowest {
	if n.Count == 1 {
		return &s.one
	}
	return &s.several
}

// most is the slowest of all; nil: no time is known.
func (s *slow) most() *Slowest {
	most := &s.one
	if s.several.Seconds > s.one.Seconds {
		most = &s.several
	}
	if most.Seconds == 0 {
		return nil
	}
	return most
}

// Slow records items that took long. name names the first of them.
func (r *Reporter) Slow(n backbones.Slow, name func(backbones.Slow) string) {
	r.mu.Lock()
	slowest := n.Time.Seconds() > r.slow.of(n).Seconds
	r.mu.Unlock()
	if !slowest {
		return
	}
	// The plugin may have to be asked.
	found := Slowest{Item: name(n), Items: n.Count, Seconds: n.Time.Seconds()}
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.slow.of(n) = found
}
