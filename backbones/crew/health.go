package crew

import (
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

const (
	// fruitlessLimit is how many workers may die one after another without having concluded a single item.
	fruitlessLimit = 5
	// unstartedLimit is how many starts may fail one after another while no worker is there.
	unstartedLimit = 3
	// apartLimit is the same for one seat of several that stand apart.
	apartLimit = 2
)

// Bounds of the wait between starts: after workers that died before they had done anything, and after starts that failed.
const (
	maxFruitlessDelay = 10 * time.Second
	maxUnstartedDelay = time.Minute
)

// health is how well workers start and do.
type health struct {
	fruitlessBackoff, unstartedBackoff backbones.Backoff
	// fruitless counts the workers that came to nothing, unstarted the starts that failed, each one after another.
	fruitless, unstarted int
	// fruitlessUntil and unstartedUntil are when the next worker may be started.
	fruitlessUntil, unstartedUntil time.Duration
	// givenUp: no worker is started there any more.
	givenUp bool
}

// healthOf is the health of a seat that stands apart, or of its stage.
func (r *run[Q, A, W]) healthOf(at Seat) *health {
	if !r.opts.Stages[at.Stage].Apart {
		at.Index = 0
	}
	h := r.health[at]
	if h == nil {
		h = &health{
			fruitlessBackoff: backbones.Backoff{First: r.policy.StartDelay, Cap: maxFruitlessDelay},
			unstartedBackoff: backbones.Backoff{First: r.policy.StartDelay, Cap: maxUnstartedDelay},
		}
		r.health[at] = h
	}
	return h
}

// failed takes note of a worker that came to nothing.
func (h *health) failed(now time.Duration) {
	h.fruitless++
	h.fruitlessUntil = max(h.fruitlessUntil, now+h.fruitlessBackoff.After(h.fruitless))
}

func (h *health) well() { h.fruitless, h.fruitlessUntil = 0, 0 }

// refused takes note of a start that failed.
func (h *health) refused(now time.Duration) {
	h.unstarted++
	h.unstartedUntil = max(h.unstartedUntil, now+h.unstartedBackoff.After(h.unstarted))
}

func (h *health) started() { h.unstarted, h.unstartedUntil = 0, 0 }

func (h *health) notBefore() time.Duration { return max(h.fruitlessUntil, h.unstartedUntil) }
