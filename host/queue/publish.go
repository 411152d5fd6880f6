package queue

import (
	"context"
	"encoding/binary"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// offer is a lease on its way into the stream.
type offer struct {
	notice notice
	entry  *entry
}

// Publish implements lease.Queue. Each ID is published once until Renew.
func (q *Queue) Publish(ctx context.Context, leases ...lease.Lease) error {
	offers := make([]offer, len(leases))
	nonces := random(8 * len(leases))
	for i, l := range leases {
		size := sizeOf(l.Blocks)
		if size > maxWhole {
			return refuse(Limits, "a lease of %d bytes is too large: the most is %d", size, maxWhole)
		}
		n := notice{nonce: binary.LittleEndian.Uint64(nonces[8*i:]), generation: l.Generation, id: l.ID}
		e := &entry{nonce: n.nonce, bytes: size + noticeBytes}
		if size > inlineBytes {
			n.apart, e.blocks = true, l.Blocks
		} else {
			n.blocks = encodeBlocks(l.Blocks)
		}
		offers[i] = offer{n, e}
	}
	for len(offers) > 0 {
		n, err := q.takeRoom(ctx, offers)
		if err != nil {
			return err
		}
		if n > 1 && q.publishAll(ctx, offers[:n]) {
			offers = offers[n:]
			continue
		}
		again, err := q.publish(ctx, offers[0])
		if err != nil {
			for _, o := range offers[:n] {
				q.forget(o.notice.id, o.entry)
			}
			return err
		}
		if !again {
			offers = offers[1:]
		}
	}
	return nil
}

// sizeOf is the approximate size of blocks.
func sizeOf(blocks []backbones.Block) int {
	size := 0
	for i := range blocks {
		size += len(blocks[i].Payload) + blockBytes*(1+len(blocks[i].Keys)+len(blocks[i].ContentKeys))
	}
	return size
}

// takeRoom waits until the window has room for the first offer, and records the entries of the n offers that have room.
func (q *Queue) takeRoom(ctx context.Context, offers []offer) (n int, err error) {
	for {
		q.mu.Lock()
		if over := q.over; over != nil {
			q.mu.Unlock()
			return 0, over
		}
		for n < len(offers) && q.admit(offers[n]) {
			n++
		}
		room := q.room
		q.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// admit records an entry if there is room. One that was taken out meanwhile needs none. The lock is held.
func (q *Queue) admit(o offer) bool {
	e := o.entry
	if q.entries[o.notice.id] == e || e.done {
		return true
	}
	// A lease that is larger than the window goes alone.
	if len(q.entries) > 0 && (len(q.entries) >= windowLeases || q.bytes+e.bytes > q.window) {
		return false
	}
	if _, there := q.entries[o.notice.id]; !there {
		q.entries[o.notice.id] = e
		q.bytes += e.bytes
	}
	return true
}

// current reports whether an entry is still to be published. The lock is held.
func (q *Queue) current(o offer) bool { return q.entries[o.notice.id] == o.entry && q.over == nil }

// publishAll publishes leases with entries. The server confirms only the last: its expected sequence shows that it has the others. false: they must
// be published one by one, which finds those that the server has.
func (q *Queue) publishAll(ctx context.Context, offers []offer) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	q.making.RLock()
	defer q.making.RUnlock()
	q.publishing.Lock()
	defer q.publishing.Unlock()
	q.mu.Lock()
	era, first, all := q.era, q.last+1, true
	for _, o := range offers {
		all = all && q.current(o)
	}
	q.mu.Unlock()
	if !all {
		return false
	}
	final := len(offers) - 1
	for i, o := range offers {
		o.notice.era = era
		if i < final {
			if q.nats.PublishMsg(q.message(o.notice)) != nil {
				return false
			}
			continue
		}
		before := first + uint64(final) - 1
		ack, err := q.js.PublishMsg(ctx, q.message(o.notice), jetstream.WithExpectLastSequence(before), jetstream.WithRetryAttempts(0))
		if err != nil || ack.Sequence != before+1 {
			return false
		}
	}
	q.mu.Lock()
	q.last = first + uint64(final)
	q.mu.Unlock()
	for i, o := range offers {
		q.confirm(o.notice.id, o.entry, first+uint64(i))
	}
	return true
}

// message is the message of a notice. The server drops a repeated one, after a lost confirmation.
func (q *Queue) message(n notice) *nats.Msg {
	id := strconv.FormatUint(n.generation, 36) + "-" + strconv.FormatUint(n.era, 36) + "-" + strconv.FormatUint(uint64(n.id), 36)
	return &nats.Msg{Subject: q.offers, Data: n.encode(), Header: nats.Header{jetstream.MsgIDHeader: []string{id}}}
}

// publish publishes a lease with an entry. again: the queue was created again meanwhile.
func (q *Queue) publish(ctx context.Context, o offer) (again bool, err error) {
	n, e := o.notice, o.entry
	for {
		q.making.RLock()
		q.mu.Lock()
		n.era = q.era
		current, over, done := q.entries[n.id], q.over, e.done
		q.mu.Unlock()
		if current != e || over != nil {
			q.making.RUnlock()
			// If there is no entry, the queue was created again, and the lease needs one. Another entry is that of a later call.
			return current == nil && over == nil && !done, over
		}
		sequence, err := q.publishOnce(ctx, n)
		q.making.RUnlock()
		if err == nil {
			q.confirm(n.id, e, sequence)
			return false, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if gone(err) && q.nats.IsConnected() {
			if q.replaced(ctx) {
				return false, errReplaced
			}
			return false, lease.ErrGone
		}
		if err := wait(ctx, retryAfter); err != nil {
			return false, err
		}
	}
}

func (q *Queue) publishOnce(ctx context.Context, n notice) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	q.publishing.Lock()
	defer q.publishing.Unlock()
	ack, err := q.js.PublishMsg(ctx, q.message(n), jetstream.WithExpectStream(q.names.stream), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	q.mu.Lock()
	q.last = max(q.last, ack.Sequence)
	q.mu.Unlock()
	return ack.Sequence, nil
}
