package backbones

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// Policy is what a run does about items that fail or hang, workers that grow or cannot start, and its own end. It is the same for
// every backbone.
type Policy struct {
	// Retry says which failed items are tried again and when.
	Retry Retry
	// ItemTimeout is how long an item may take before its worker is ended; 0: as long as it likes. A worker that does not say which
	// item it is on has so long for each item of a request together.
	ItemTimeout time.Duration
	// StallAfter is how long nothing may move before a warning names what is in flight; 0: none is given.
	StallAfter time.Duration
	// Drain is closed to begin nothing more: what is in flight is finished, then Run returns ErrDrained. May be nil.
	Drain <-chan struct{}
	// Grace is how long workers may take to finish what they have after Drain, before they are killed; 0: 30 s.
	Grace time.Duration
	// CloseTimeout is how long a worker may take to close its task, at the end and when it is replaced, before it is killed
	// and the run has failed; 0: 5 min.
	CloseTimeout time.Duration
	// WorkerMaxItems is how many items a worker concludes before it is replaced; 0: any number.
	WorkerMaxItems int
	// WorkerMaxRSS is how many bytes a worker and its children may have resident before it is replaced; 0: any number.
	// RSS measures them, by the workers' process numbers.
	WorkerMaxRSS int64
	RSS          func(pids []int) map[int]int64
	// StartDelay bounds the wait behind a worker that came to nothing or could not be started; it doubles with each further
	// one. 0: 100 ms.
	StartDelay time.Duration
	// Log takes what is worth telling; nil: nothing does.
	Log hclog.Logger
	// Now is the time; nil: time.Now.
	Now func() time.Time
}

// WithDefaults returns the policy with what is 0 and has a default filled in.
func (p Policy) WithDefaults() Policy {
	for _, d := range []struct {
		value  *time.Duration
		unless time.Duration
	}{{&p.Grace, 30 * time.Second}, {&p.CloseTimeout, 5 * time.Minute}, {&p.StartDelay, 100 * time.Millisecond}} {
		if *d.value == 0 {
			*d.value = d.unless
		}
	}
	if p.Log == nil {
		p.Log = hclog.NewNullLogger()
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}
