package backbones

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between tries: at random up to a bound that doubles from try to try ("full jitter"), so
// that what failed together does not come back together.
type Backoff struct {
	// First bounds the wait behind the first failure; 0: no wait at all.
	First time.Duration
	// Cap bounds every wait; 0: DefaultRetryCap.
	Cap time.Duration
	// Random returns a number in [0, n), for n ≥ 1; nil: a random one.
	Random func(n int64) int64 `json:"-"`
}

// DefaultRetryCap is the longest wait between two tries where nothing else is said.
const DefaultRetryCap = time.Minute

// After is how long to wait behind the given number of failures, which counts from 1.
func (b Backoff) After(failures int) time.Duration {
	limit := b.Cap
	if limit <= 0 {
		limit = DefaultRetryCap
	}
	bound := min(b.First, limit)
	for range failures - 1 {
		bound = min(bound, limit/2) * 2
	}
	if bound <= 0 {
		return 0
	}
	random := b.Random
	if random == nil {
		random = rand.Int64N
	}
	return time.Duration(random(int64(bound) + 1))
}

// Retry is the policy for items that failed. It does not look at the kind of a failure: an error that can never go away
// costs some tries, and one that is wrongly taken for such costs the item. The zero Retry tries nothing again but what
// killed its worker.
type Retry struct {
	// Limit is how often an item is tried again behind its first failure.
	Limit   int
	Backoff Backoff
}

// Next says how long an item has to wait that has failed so many times, the last time with that kind, or that it has
// failed for good. An item that killed its worker gets a second try even with a Limit of 0, at once: the worker may have
// died of something else. It is the caller's to give it a worker of its own.
func (r Retry) Next(kind FailureKind, failures int) (delay time.Duration, again bool) {
	if failures <= 1 && (kind == KindCrash || kind == KindLost) {
		return 0, true
	}
	if failures > r.Limit {
		return 0, false
	}
	return r.Backoff.After(failures), true
}
