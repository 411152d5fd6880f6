package crew

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

const (
	// fruitlessLimit is how many workers in a row may die without having finished an item.
	fruitlessLimit    = 5
	maxFruitlessDelay = 10 * time.Second
	// unstartedLimit is the number of failed starts in a row after which a stage without workers is given up.
	unstartedLimit    = 3
	maxUnstartedDelay = time.Minute
	// apartLimit is either limit for one seat of several that stand apart.
	apartLimit = 2
)

// streak is failures one after another, and the growing wait after each.
type streak struct {
	backoff backbones.Backoff
	length  int
	// until is when the next worker may be started.
	until time.Duration
}

func (s *streak) add(now time.Duration) {
	s.length++
	s.until = max(s.until, now+s.backoff.After(s.length))
}

func (s *streak) end() { s.length, s.until = 0, 0 }

// health is how well workers start and do.
type health struct {
	// fruitless are workers that finished nothing, unstarted are starts that failed.
	fruitless, unstarted streak
	// givenUp: no worker is started there any more.
	givenUp bool
}

func (h *health) notBefore() time.Duration { return max(h.fruitless.until, h.unstarted.until) }

// healthOf is the health of a seat that stands apart, or of its stage.
func (r *run[Q, A, W]) healthOf(at Seat) *health {
	if !r.opts.Stages[at.Stage].Apart {
		at.Index = 0
	}
	h := r.health[at]
	if h == nil {
		h = &health{
			fruitless: streak{backoff: backbones.Backoff{First: r.policy.StartDelay, Cap: maxFruitlessDelay}},
			unstarted: streak{backoff: backbones.Backoff{First: r.policy.StartDelay, Cap: maxUnstartedDelay}},
		}
		r.health[at] = h
	}
	return h
}
