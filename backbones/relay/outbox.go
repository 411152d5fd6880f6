// Package relay passes blocks from a source and outcomes to a sink in goroutines of their own, so that neither can block a backbone's loop.
package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// maxUnsaid is the number of waiting outcomes at which nothing more is dispatched.
const maxUnsaid = 64

// Outbox passes outcomes to a sink in a goroutine of its own: a sink on a disk that does not answer must not block a loop. One goroutine
// calls its methods.
type Outbox struct {
	out chan backbones.Outcomes
	// waiting are the outcomes that out has no room for.
	waiting []backbones.Outcomes
	// Failed has the sink's first error.
	Failed chan error
	done   chan struct{}
}

// NewOutbox returns an outbox for a sink. Close ends its goroutine.
func NewOutbox(sink backbones.Sink) *Outbox {
	outcomes := make(chan backbones.Outcomes, maxUnsaid)
	o := &Outbox{out: outcomes, Failed: make(chan error, 1), done: make(chan struct{})}
	go func() {
		defer close(o.done)
		for out := range outcomes {
			if err := sink(out); err != nil {
				select {
				case o.Failed <- err:
				default:
				}
			}
		}
	}()
	return o
}

// Put adds outcomes.
func (o *Outbox) Put(out backbones.Outcomes) {
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

// Full reports whether the sink must take something before more is dispatched.
func (o *Outbox) Full() bool { return len(o.waiting) > 0 }

// Next is what to send and where; a nil channel if there is nothing. The sender calls Sent afterwards.
func (o *Outbox) Next() (chan<- backbones.Outcomes, backbones.Outcomes) {
	if len(o.waiting) == 0 {
		return nil, backbones.Outcomes{}
	}
	return o.out, o.waiting[0]
}

// Sent removes what was sent.
func (o *Outbox) Sent() {
	o.waiting[0] = backbones.Outcomes{}
	if o.waiting = o.waiting[1:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
}

// Close passes the rest to the sink and waits for it, after ctx is cancelled only for grace. It returns the sink's first error, unless
// it was received before.
func (o *Outbox) Close(ctx context.Context, grace time.Duration) error {
	var late <-chan time.Time
	cancelled := ctx.Done()
	for {
		send, first := o.Next()
		if send == nil && o.out != nil {
			close(o.out)
			o.out = nil
		}
		select {
		case send <- first:
			o.Sent()
		case <-o.done:
			select {
			case err := <-o.Failed:
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
