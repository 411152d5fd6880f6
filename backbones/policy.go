package backbones

import (
	"cmp"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Policy is how a run treats items that fail or hang, workers that grow or cannot start, and its own end. It can be written as
// JSON, except what belongs to a process.
type Policy struct {
	// Retry is the policy for failed items.
	Retry Retry
	// ItemTimeout bounds an item. Then its worker is ended. 0: no limit. A worker that does not report its item has the limit times
	// the items of its request.
	ItemTimeout time.Duration
	// StallAfter is the time without any progress after which a warning names what is in flight; 0: no warning.
	StallAfter time.Duration
	// Drain stops the run when it is closed: requests in flight finish, then Run returns ErrDrained. May be nil.
	Drain <-chan struct{} `json:"-"`
	// Stopping takes how the run is stopped, to tell the user; nil: Log gets it.
	Stopping func(Stop) `json:"-"`
	// Grace bounds the requests in flight after Drain. Then the workers are killed. 0: 30 s.
	Grace time.Duration
	// CloseTimeout bounds the closing of a task. Then the worker is killed, and the run fails. 0: 5 min.
	CloseTimeout time.Duration
	// WorkerMaxItems is the number of items after which a worker is replaced; 0: never.
	WorkerMaxItems int
	// WorkerMaxRSS is the resident memory, in bytes, of a worker and its children above which it is replaced; 0: never. RSS measures
	// it by process ID.
	WorkerMaxRSS int64
	RSS          func(pids []int) map[int]int64 `json:"-"`
	// StartDelay bounds the wait after a worker that died early or could not be started. It doubles each time. 0: 100 ms.
	StartDelay time.Duration
	// Revoke has items that are another's now: workers that are on them are ended, what waits is dropped, and nothing is reported of them.
	// Items that such a worker had besides go to other workers. May be nil.
	Revoke <-chan Revocation `json:"-"`
	// Looked is called each time that the backbone has looked at its workers, at least every LookEvery while it has any (0: its own choice). It
	// must not block. May be nil.
	Looked    func()        `json:"-"`
	LookEvery time.Duration `json:"-"`
	// ShowSeats keeps Status.Seats up to date, each time that the backbone looks at its workers.
	ShowSeats bool `json:"-"`
	// Log receives messages for the user; nil: they are dropped.
	Log hclog.Logger `json:"-"`
	// Now is the time; nil: time.Now.
	Now func() time.Time `json:"-"`
}

// Revocation is items that a backbone must give up.
type Revocation struct {
	// Items ascend.
	Items []Span
	// Blocks is the number of blocks that the source has yielded so far. Those that the backbone has read and not looked at lose the items as well;
	// in later blocks the same numbers are new items.
	Blocks int
}

// WithDefaults returns the policy with its defaults filled in.
func (p Policy) WithDefaults() Policy {
	p.Grace = cmp.Or(p.Grace, 30*time.Second)
	p.CloseTimeout = cmp.Or(p.CloseTimeout, 5*time.Minute)
	p.StartDelay = cmp.Or(p.StartDelay, 100*time.Millisecond)
	if p.Log == nil {
		p.Log = hclog.NewNullLogger()
	}
	if log := p.Log; p.Stopping == nil {
		p.Stopping = func(s Stop) { log.Info(s.String()) }
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// IsClosed reports whether a channel that only ends, such as Policy.Drain, is closed. A nil channel is not.
func IsClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
