package backbones

import (
	"math/rand/v2"
	"time"
)

// Backoff is the wait between tries: at random up to a bound that doubles from try to try ("full jitter"), so that items that failed
// together do not come back together.
type Backoff struct {
	// First bounds the wait after the first failure; 0: no wait.
	First time.Duration
	// Cap bounds every wait; 0: DefaultRetryCap.
	Cap time.Duration
	// Random returns a number in [0, n), for n ≥ 1; nil: a random one.
	Random func(n int64) int64 `json:"-"`
}

// DefaultRetryCap is the default of Backoff.Cap.
const DefaultRetryCap = time.Minute

// After is the wait after a number of failures, at least 1.
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

// Retry is the policy for items that failed. It ignores the kind of a failure: a permanent error costs some tries, but an error wrongly
// taken for permanent costs the item. The zero Retry only repeats what killed its worker.
type Retry struct {
	// Limit is the number of tries after the first failure.
	Limit   int
	Backoff Backoff
}

// Next returns the wait before the next try of an item that has failed so many times, the last time with that kind, or false. An item
// that killed its worker gets a second try at once even with a Limit of 0: the worker may have died of something else. The caller
// gives it a worker of its own.
func (r Retry) Next(kind FailureKind, failures int) (delay time.Duration, again bool) {
	if failures <= 1 && (kind == KindCrash || kind == KindLost) {
		return 0, true
	}
	if failures > r.Limit {
		return 0, false
	}
	return r.Backoff.After(failures), true
}
