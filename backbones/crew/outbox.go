package crew

import (
	"context"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// maxUnsaid is the number of waiting outcomes at which nothing more is dispatched.
const maxUnsaid = 64

// outbox passes outcomes to the sink in a goroutine of its own: a sink on a disk that does not answer must not block the loop.
type outbox struct {
	out chan backbones.Outcomes
	// waiting are the outcomes that out has no room for.
	waiting []backbones.Outcomes
	// failed has the sink's first error.
	failed chan error
	done   chan struct{}
}

func newOutbox(sink backbones.Sink) *outbox {
	outcomes := make(chan backbones.Outcomes, maxUnsaid)
	o := &outbox{out: outcomes, failed: make(chan error, 1), done: make(chan struct{})}
	go func() {
		defer close(o.done)
		for out := range outcomes {
			if err := sink(out); err != nil {
				select {
				case o.failed <- err:
				default:
				}
			}
		}
	}()
	return o
}

// put adds outcomes.
func (o *outbox) put(out backbones.Outcomes) {
	if len(out.Done)+len(out.Skipped)+len(out.Failed) == 0 {
		return
	}
	if len(o.waiting) == 0 {
		select {
		case o.out <- out:
			return
		default:
		}
	}
	o.waiting = append(o.waiting, out)
}

// full reports whether the sink must take something before more is dispatched.
func (o *outbox) full() bool { return len(o.waiting) > 0 }

// next is what to send and where; a nil channel if there is nothing. The sender calls sent afterwards.
func (o *outbox) next() (chan<- backbones.Outcomes, backbones.Outcomes) {
	if len(o.waiting) == 0 {
		return nil, backbones.Outcomes{}
	}
	return o.out, o.waiting[0]
}

func (o *outbox) sent() {
	o.waiting[0] = backbones.Outcomes{}
	if o.waiting = o.waiting[1:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
}

// close passes the rest to the sink and waits for it, after ctx is cancelled only for grace. It returns the sink's first error, unless
// it was received before.
func (o *outbox) close(ctx context.Context, grace time.Duration) error {
	var late <-chan time.Time
	cancelled := ctx.Done()
	for {
		send, first := o.next()
		if send == nil && o.out != nil {
			close(o.out)
			o.out = nil
		}
		select {
		case send <- first:
			o.sent()
		case <-o.done:
			select {
			case err := <-o.failed:
				return err
			default:
				return nil
			}
		case <-cancelled:
			cancelled, late = nil, time.After(grace)
		case <-late:
			if o.out != nil {
				close(o.out)
			}
			return fmt.Errorf("the outcomes of some items could not be recorded within %s; the next run does those items again", grace)
		}
	}
}
