package queue

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

const (
	defaultReconnect = 10 * time.Minute
	// joinPatience is how long a first join waits for a coordinator whose server is there already, silentPatience for one that has too much to do.
	joinPatience   = 5 * time.Second
	silentPatience = time.Minute
	maxBackoff     = 2 * time.Second
)

// Join is how a node joins a run.
type Join struct {
	// Addresses returns where the run's server may be, the likeliest first. It is called before each try, because a coordinator may move.
	Addresses func() ([]Address, error)
	// Local is the server of this process; Addresses are not used then.
	Local *Server
	Hello Hello
	// Reconnect is how long to look for a coordinator that was lost; 0: ten minutes.
	Reconnect time.Duration
}

// Session is a node's side. It implements lease.Session. It finds its coordinator again by itself, also after that was started again.
type Session struct {
	join Join
	id   string

	life context.Context
	end  context.CancelFunc
	// finished is closed when nothing of the session runs any more.
	finished chan struct{}

	mu sync.Mutex
	// link is the connection; nil: there is none.
	link *link
	// changed is closed and replaced when anything below or the link changes.
	changed chan struct{}
	// err is why the session is over, ended: the run is.
	err        error
	ended      bool
	name       string
	generation uint64
	welcome    []byte
	calls      uint64
	// ready are deliveries that Pull has not returned, unclaimed those that were not claimed.
	ready     []delivered
	unclaimed map[lease.Held]claim
	// held are the leases that the node has claimed and not ended: the coordinator must hear of it often.
	held map[lease.Held]bool
	// worked: it has had any.
	worked bool
}

// Dial joins a run. The error is a Refused, or that of ctx.
func Dial(ctx context.Context, j Join) (*Session, error) {
	if j.Reconnect == 0 {
		j.Reconnect = defaultReconnect
	}
	s := &Session{join: j, id: newID(), changed: make(chan struct{}), finished: make(chan struct{}), unclaimed: map[lease.Held]claim{}, held: map[lease.Held]bool{}}
	s.life, s.end = context.WithCancel(context.Background())
	l, err := s.reachPatiently(ctx)
	if err != nil {
		s.end()
		return nil, err
	}
	if s.ended {
		_, _ = l.call(ctx, opLeave, 0, encodeGoodbye(goodbye{})) // it is not waited for
		l.close()
		s.end()
		return nil, refuse(Ended, "the run has ended")
	}
	s.link = l
	go s.supervise(l)
	return s, nil
}

// reachPatiently joins for the first time. It waits for a coordinator that is still starting, or that many nodes join at once.
func (s *Session) reachPatiently(ctx context.Context) (*link, error) {
	began := time.Now()
	for {
		l, err := s.reach(ctx)
		waited := time.Since(began)
		patient := Is(err, NoRun) && waited < joinPatience || Is(err, Silent) && waited < silentPatience
		if !patient {
			return l, err
		}
		if wait(ctx, retryAfter+rand.N(4*retryAfter)) != nil { //nolint:gosec // no secret
			return nil, err
		}
	}
}

// Welcome is the coordinator's description of the run.
func (s *Session) Welcome() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcome
}

// Name is the node's name in the run.
func (s *Session) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name
}

// Ended reports whether the coordinator has said that the run has ended.
func (s *Session) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Generation is that of the coordinator that the node has joined last.
func (s *Session) Generation() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// Connected reports whether the coordinator can be reached, and returns a channel that is closed when anything about the session changes.
func (s *Session) Connected() (bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link != nil, s.changed
}

// reach connects to one of the addresses and joins. It returns the most helpful of several errors.
func (s *Session) reach(ctx context.Context) (*link, error) {
	if s.join.Local != nil {
		return s.dial(ctx, Address{Secret: Secret{Token: s.join.Local.options.Token}}, s.join.Local)
	}
	all, err := s.join.Addresses()
	if err != nil {
		return nil, err
	}
	var worst error = refuse(Unreachable, "there is no address to connect to")
	for i, a := range all {
		l, err := s.dial(ctx, a, nil)
		if err == nil {
			return l, nil
		}
		if i == 0 || Is(worst, Unreachable) {
			worst = err
		}
	}
	return nil, worst
}

// supervise keeps the session joined until it ends.
func (s *Session) supervise(l *link) {
	defer close(s.finished)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	rare := time.NewTicker(rareBeatEvery)
	defer rare.Stop()
	for {
		s.set(func() { s.link = l })
	connected:
		for {
			select {
			case <-beat.C:
				if s.watched() {
					l.beat()
				}
			case <-rare.C:
				if l.beats {
					l.beat()
				}
			case <-l.life.Done():
				break connected
			case <-s.life.Done():
				s.set(func() { s.link = nil })
				l.close()
				return
			}
		}
		s.set(func() { s.link = nil })
		var err error
		if l, err = s.reachAgain(); err != nil {
			s.set(func() { s.err, s.ended = err, s.ended || Is(err, Ended) })
			return
		}
	}
}

// watched reports whether the coordinator waits for this node: it has leases, or its workers may still have to close their tasks at the end.
func (s *Session) watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) > 0 || s.ended && s.worked
}

// reachAgain looks for the coordinator until it is found, or the time is over.
func (s *Session) reachAgain() (*link, error) {
	ctx, cancel := context.WithTimeout(s.life, s.join.Reconnect)
	defer cancel()
	var last error
	for backoff := 50 * time.Millisecond; ; backoff = min(2*backoff, maxBackoff) {
		l, err := s.reach(ctx)
		switch {
		case err == nil:
			return l, nil
		case s.life.Err() != nil:
			return nil, s.life.Err()
		case Is(err, NotAdmitted), Is(err, WrongVersion), Is(err, Ended), s.over() != nil:
			return nil, err
		case ctx.Err() == nil:
			last = err
		}
		// Nodes that were lost together must not all come back at once.
		if wait(ctx, backoff/2+rand.N(backoff)) != nil { //nolint:gosec // no secret
			if s.life.Err() != nil {
				return nil, s.life.Err()
			}
			return nil, refuse(Lost, "the coordinator could not be reached for %s (%v)", s.join.Reconnect, last)
		}
	}
}

// set changes the session, and wakes what waits for a change.
func (s *Session) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// over is why the session is over; nil: it is not.
func (s *Session) over() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// live waits for a link.
func (s *Session) live(ctx context.Context) (*link, error) {
	for {
		s.mu.Lock()
		l, err, changed := s.link, s.err, s.changed
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if l != nil {
			return l, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// call asks the coordinator until it answers.
func (s *Session) call(ctx context.Context, op op, body []byte) ([]byte, error) {
	if len(body) > maxWhole {
		return nil, refuse(Limits, "a message of %d bytes to the coordinator is too large: the most is %d", len(body), maxWhole)
	}
	s.mu.Lock()
	s.calls++
	number := s.calls
	s.mu.Unlock()
	return s.ask(ctx, func(l *link) ([]byte, error) { return l.call(ctx, op, number, body) })
}

// ask sends until there is an answer, over a new connection where one is lost.
func (s *Session) ask(ctx context.Context, send func(*link) ([]byte, error)) ([]byte, error) {
	for backoff := 20 * time.Millisecond; ; backoff = min(2*backoff, maxBackoff) {
		l, err := s.live(ctx)
		if err != nil {
			return nil, err
		}
		result, err := send(l)
		var refused *Refused
		if err == nil || errors.As(err, &refused) {
			return result, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := wait(ctx, backoff/2+rand.N(backoff)); err != nil { //nolint:gosec // no secret
			return nil, err
		}
	}
}

// Claim implements lease.Session. An answer has no more leases than make a message, so the rest is asked for again.
func (s *Session) Claim(ctx context.Context, all ...lease.Held) ([]lease.Claimed, error) {
	answers := make([]lease.Claimed, len(all))
	var proofs []claim
	var of []int
	s.mu.Lock()
	for i, held := range all {
		proof, there := s.unclaimed[held]
		if !there {
			answers[i].Refused = "the lease was not delivered to this node"
			continue
		}
		proofs, of = append(proofs, proof), append(of, i)
	}
	s.mu.Unlock()
	for len(proofs) > 0 {
		w := &writer{}
		writeList(w, proofs[:min(len(proofs), maxClaims)], writeClaim)
		b, err := s.call(ctx, opClaim, w.b)
		if err != nil {
			return nil, err
		}
		got, err := decodeAllClaimed(b)
		if err != nil || len(got) == 0 || len(got) > len(proofs) {
			return nil, errMalformed
		}
		s.mu.Lock()
		for i, answer := range got {
			answers[of[i]] = answer
			delete(s.unclaimed, proofs[i].held)
			if answer.Refused == "" {
				s.held[proofs[i].held], s.worked = true, true
			}
		}
		s.mu.Unlock()
		proofs, of = proofs[len(got):], of[len(got):]
	}
	return answers, nil
}

// Report implements lease.Session.
func (s *Session) Report(ctx context.Context, r lease.Report) (lease.Reported, error) {
	b, err := s.call(ctx, opReport, encodeReport(r))
	if err != nil {
		return lease.Reported{}, err
	}
	answer, err := decodeReported(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range r.Leases {
		if p.Ended {
			delete(s.held, p.Held)
		}
	}
	for _, h := range answer.Lost {
		delete(s.held, h)
	}
	return answer, err
}

// Grant implements lease.Session.
func (s *Session) Grant(ctx context.Context, a lease.Ask) (lease.Granted, error) {
	b, err := s.call(ctx, opGrant, encodeAsk(a))
	if err != nil {
		return lease.Granted{}, err
	}
	return decodeGranted(b)
}

// Leave implements lease.Session.
func (s *Session) Leave(ctx context.Context, f lease.Farewell) error {
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	if l != nil {
		l.stopPulling()
	}
	s.mu.Lock()
	var all []claim
	for _, c := range s.unclaimed {
		all = append(all, c)
	}
	s.mu.Unlock()
	_, err := s.call(ctx, opLeave, encodeGoodbye(goodbye{unclaimed: all, last: f}))
	s.Close()
	return err
}

// Close ends the session without a goodbye: the coordinator takes the node for lost.
func (s *Session) Close() {
	s.end()
	<-s.finished
	s.set(func() {
		if s.err == nil {
			s.err = errClosed
		}
	})
}

var errClosed = errors.New("the session is closed")

// Pull implements lease.Session.
func (s *Session) Pull(ctx context.Context, n int) ([]lease.Delivery, error) {
	for {
		s.mu.Lock()
		take := min(max(n, 1), len(s.ready))
		ready := s.ready[:take:take]
		s.ready = s.ready[take:]
		l, err, ended, changed := s.link, s.err, s.ended, s.changed
		s.mu.Unlock()
		if got := s.open(ready); len(got) > 0 {
			return got, nil
		}
		switch {
		case len(ready) > 0:
			continue
		case ended:
			return nil, io.EOF
		case err != nil:
			return nil, err
		}
		again := time.Hour
		if l != nil {
			again = l.pull(max(n, 1))
		}
		t := time.NewTimer(again)
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
		t.Stop()
	}
}

var _ lease.Session = (*Session)(nil)
