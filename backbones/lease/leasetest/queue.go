// Package leasetest has a queue of leases in memory, for tests of what is on either side of one.
package leasetest

import (
	"cmp"
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
	// down is set while no coordinator serves the queue. served is the number of coordinators so far.
	down   bool
	served uint64
	// holds is closed by the first lease.
	holds chan struct{}
	first sync.Once
	// changed is closed and replaced at each change.
	changed chan struct{}
}

type message struct {
	lease      lease.Lease
	deliveries uint64
	// again is when it may be delivered next, to is who got it last.
	again time.Time
	to    *Session
}

// New returns an empty queue. Serve gives it its desk.
func New() *Queue {
	return &Queue{sessions: map[string]*Session{}, changed: make(chan struct{}), holds: make(chan struct{})}
}

// Serve lets a desk answer the nodes, which join it if they are there already.
func (q *Queue) Serve(desk lease.Desk) {
	var nodes []lease.Node
	q.mu.Lock()
	for _, s := range q.sessions {
		nodes = append(nodes, s.node)
	}
	q.mu.Unlock()
	for _, n := range nodes {
		desk.Joined(n)
	}
	q.locked(func() { q.desk, q.down, q.served = desk, false, q.served+1 })
}

// Down loses the coordinator and all leases: what nodes ask waits for the next Serve.
func (q *Queue) Down() { q.locked(func() { q.messages, q.desk, q.down = nil, nil, true }) }

// answering waits for a desk.
func (q *Queue) answering(ctx context.Context) (lease.Desk, error) {
	for {
		q.mu.Lock()
		desk, changed := q.desk, q.changed
		q.mu.Unlock()
		if desk != nil {
			return desk, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *Queue) locked(do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	do()
	close(q.changed)
	q.changed = make(chan struct{})
}

// Publish implements lease.Queue.
func (q *Queue) Publish(_ context.Context, leases ...lease.Lease) error {
	q.locked(func() {
		for _, l := range leases {
			q.messages = append(q.messages, &message{lease: l})
		}
	})
	q.first.Do(func() { close(q.holds) })
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

// Holds is closed once something is published.
func (q *Queue) Holds() <-chan struct{} { return q.holds }

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
		if desk != nil {
			desk.Left(s.node.Name, true)
		}
	})
}

// Pull implements lease.Session.
func (s *Session) Pull(ctx context.Context, n int) ([]lease.Delivery, error) {
	q := s.queue
	for {
		var got []lease.Delivery
		q.mu.Lock()
		now, changed, ended := time.Now(), q.changed, q.ended && !q.down
		for _, m := range q.messages {
			if len(got) < n && !now.Before(m.again) {
				m.deliveries++
				m.to = s
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
	desk, err := s.queue.answering(ctx)
	if err != nil || ctx.Err() != nil {
		var none A
		return none, cmp.Or(err, ctx.Err())
	}
	return answer(desk, question), nil
}

// Claim implements lease.Session.
func (s *Session) Claim(ctx context.Context, all ...lease.Held) (answers []lease.Claimed, err error) {
	for _, h := range all {
		answer, err := ask(ctx, s, lease.Claim{Node: s.node.Name, Held: h}, lease.Desk.Claim)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
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

// Generation implements lease.Session: it counts the desks.
func (s *Session) Generation() (n uint64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.served
}

// Leave implements lease.Session.
func (s *Session) Leave(_ context.Context, f lease.Farewell) error {
	s.once.Do(func() {
		var desk lease.Desk
		s.queue.locked(func() {
			delete(s.queue.sessions, s.node.Name)
			desk = s.queue.desk
			for _, m := range s.queue.messages {
				if m.to == s {
					m.again = time.Time{}
				}
			}
		})
		if desk != nil {
			desk.Farewell(s.node.Name, f)
			desk.Left(s.node.Name, false)
		}
	})
	return nil
}
