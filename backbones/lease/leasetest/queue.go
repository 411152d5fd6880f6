// Package leasetest has a queue of leases in memory, for tests of what is on either side of one.
package leasetest

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// Queue is a lease.Queue in memory. Its nodes are the sessions that Join returns.
type Queue struct {
	// Redeliver is the time after which a delivered lease is delivered again; 0: 10 s.
	Redeliver time.Duration

	mu       sync.Mutex
	desk     lease.Desk
	messages []*message
	sessions map[string]*Session
	ended    bool
	// changed is closed and made anew at each change.
	changed chan struct{}
}

type message struct {
	lease      lease.Lease
	deliveries uint64
	// again is when it may be delivered next.
	again time.Time
}

// New returns an empty queue. Serve gives it its desk.
func New() *Queue { return &Queue{sessions: map[string]*Session{}, changed: make(chan struct{})} }

// Serve lets a desk answer the nodes.
func (q *Queue) Serve(desk lease.Desk) { q.locked(func() { q.desk = desk }) }

func (q *Queue) locked(do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	do()
	close(q.changed)
	q.changed = make(chan struct{})
}

// Publish implements lease.Queue.
func (q *Queue) Publish(_ context.Context, l lease.Lease) error {
	q.locked(func() { q.messages = append(q.messages, &message{lease: l}) })
	return nil
}

// Done implements lease.Queue.
func (q *Queue) Done(ids ...lease.ID) {
	q.locked(func() {
		q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return slices.Contains(ids, m.lease.ID) })
	})
}

// Back implements lease.Queue.
func (q *Queue) Back(ids ...lease.ID) {
	q.locked(func() {
		for _, m := range q.messages {
			if slices.Contains(ids, m.lease.ID) {
				m.again = time.Time{}
			}
		}
	})
}

// Open implements lease.Queue.
func (q *Queue) Open(context.Context) (n int, err error) {
	q.locked(func() { n = len(q.messages) })
	return n, nil
}

// Renew implements lease.Queue.
func (q *Queue) Renew(context.Context) error {
	q.Lose()
	return nil
}

// Lose empties the queue.
func (q *Queue) Lose() { q.locked(func() { q.messages = nil }) }

// End implements lease.Queue.
func (q *Queue) End(ctx context.Context) error {
	for {
		var left int
		var changed chan struct{}
		q.locked(func() { q.ended, left = true, len(q.sessions) })
		q.mu.Lock()
		changed, left = q.changed, len(q.sessions)
		q.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Join adds a node.
func (q *Queue) Join(node lease.Node) *Session {
	s := &Session{queue: q, node: node, cut: make(chan struct{})}
	var desk lease.Desk
	q.locked(func() { q.sessions[node.Name], desk = s, q.desk })
	desk.Joined(node)
	return s
}

// Session is a lease.Session.
type Session struct {
	queue *Queue
	node  lease.Node
	// cut is closed when the node is cut off.
	cut  chan struct{}
	once sync.Once
}

// Cut loses the node, as the end of its process does.
func (s *Session) Cut() {
	s.once.Do(func() {
		close(s.cut)
		var desk lease.Desk
		s.queue.locked(func() { delete(s.queue.sessions, s.node.Name); desk = s.queue.desk })
		desk.Left(s.node.Name, true)
	})
}

// Pull implements lease.Session.
func (s *Session) Pull(ctx context.Context, n int) ([]lease.Delivery, error) {
	q := s.queue
	for {
		var got []lease.Delivery
		q.mu.Lock()
		now, changed, ended := time.Now(), q.changed, q.ended
		for _, m := range q.messages {
			if len(got) < n && !now.Before(m.again) {
				m.deliveries++
				m.again = now.Add(max(q.Redeliver, 10*time.Millisecond))
				if q.Redeliver == 0 {
					m.again = now.Add(10 * time.Second)
				}
				got = append(got, lease.Delivery{Lease: m.lease, Number: m.deliveries})
			}
		}
		q.mu.Unlock()
		switch {
		case len(got) > 0:
			return got, nil
		case ended:
			return nil, io.EOF
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.cut:
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
}

// ask waits for ever once the node is cut off.
func ask[Q, A any](ctx context.Context, s *Session, question Q, answer func(lease.Desk, Q) A) (A, error) {
	select {
	case <-s.cut:
		<-ctx.Done()
	default:
	}
	var desk lease.Desk
	s.queue.mu.Lock()
	desk = s.queue.desk
	s.queue.mu.Unlock()
	if ctx.Err() != nil {
		var none A
		return none, ctx.Err()
	}
	return answer(desk, question), nil
}

// Claim implements lease.Session.
func (s *Session) Claim(ctx context.Context, c lease.Claim) (lease.Claimed, error) {
	c.Node = s.node.Name
	return ask(ctx, s, c, lease.Desk.Claim)
}

// Report implements lease.Session.
func (s *Session) Report(ctx context.Context, r lease.Report) (lease.Reported, error) {
	r.Node = s.node.Name
	return ask(ctx, s, r, lease.Desk.Report)
}

// Grant implements lease.Session.
func (s *Session) Grant(ctx context.Context, a lease.Ask) (lease.Granted, error) {
	a.Node = s.node.Name
	return ask(ctx, s, a, lease.Desk.Grant)
}

// Leave implements lease.Session.
func (s *Session) Leave(context.Context) error {
	s.once.Do(func() {
		var desk lease.Desk
		s.queue.locked(func() { delete(s.queue.sessions, s.node.Name); desk = s.queue.desk })
		desk.Left(s.node.Name, false)
	})
	return nil
}
