package crew

import (
	"context"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// maxUnsaid is how many outcomes may wait for the sink before nothing more is begun. What is in flight then comes on top.
const maxUnsaid = 64

// outbox brings outcomes to the sink from a goroutine of its own: a sink that writes to a disk that does not answer does not keep
// the loop from its workers and signals.
type outbox struct {
	out chan backbones.Outcomes
	// waiting are those that out has no room for.
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

// put takes outcomes in.
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

// full: nothing more should be begun before the sink has taken something.
func (o *outbox) full() bool { return len(o.waiting) > 0 }

// next is what is to be sent and where; a nil channel where nothing is. The sender calls sent behind it.
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

// close brings the rest to the sink and waits for it. Once ctx is cancelled it waits for the given time only. It returns the sink's
// first error, unless it was received before.
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
