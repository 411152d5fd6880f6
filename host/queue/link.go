package queue

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// pullAgain is how long a node waits for a lease before it repeats its request, which may have been lost. Each request costs the server a look at
// all waiting nodes.
const pullAgain = time.Hour

const (
	// pingEvery is how often an idle node checks its connection. The system's probes notice a lost server earlier, and cost it less.
	pingEvery = 4 * time.Minute
	// maxSilent is how many requests in a row may stay unanswered before the node connects again.
	maxSilent = 2
)

// link is one connection of a session, joined to a coordinator.
type link struct {
	session *Session
	names   names
	nats    *nats.Conn
	// life ends with the connection.
	life context.Context

	mu           sync.Mutex
	subscription *nats.Subscription
	// inboxes counts the subscriptions. wanted is the number of leases that were requested at asked and have not come. hold is when to request again.
	inboxes, wanted int
	asked, hold     time.Time
	stopped         bool
	// silent counts requests in a row that were not answered.
	silent int
	beats  bool
}

// delivered is a notice that has come.
type delivered struct {
	notice notice
	held   lease.Held
}

// dial connects to an address, or a server of this process, and joins.
func (s *Session) dial(ctx context.Context, a Address, local *Server) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	life, closed := context.WithCancel(context.Background())
	options := []nats.Option{
		nats.Name("kagurazaka node " + s.join.Hello.Name), nats.CustomInboxPrefix(inbox(s.id)), nats.NoReconnect(), nats.Timeout(askTimeout),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2), nats.NoEcho(), nats.IgnoreDiscoveredServers(),
		nats.ClosedHandler(func(*nats.Conn) { closed() }),
		nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				s.set(func() { s.err = lacking(redact(nc.ConnectedUrl()), err) })
				nc.Close()
			}
		}),
	}
	if local != nil {
		options = append(options, nats.InProcessServer(local.nats))
	}
	nc, err := connect(ctx, a, s.id, a.Secret.Token, options...)
	if err != nil {
		closed()
		return nil, err
	}
	l := &link{session: s, names: namesOf(a.Secret.Token), nats: nc, life: life}
	if err := l.join(ctx, a.Secret.Token); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// join says hello, and takes the coordinator's answer into the session.
func (l *link) join(ctx context.Context, token string) error {
	s := l.session
	s.mu.Lock()
	name, generation, known := s.name, s.generation, hash(s.welcome)
	s.mu.Unlock()
	if name == "" {
		name = s.join.Hello.Name
	}
	if _, err := l.nats.Subscribe(l.names.say, l.hear(token)); err != nil {
		return err
	}
	if err := l.listen(); err != nil {
		return err
	}
	h := s.join.Hello
	body, err := json.Marshal(hello{
		Protocol: Protocol, Version: h.Version, Proof: prove(token, "node", s.id), Name: name, Host: h.Host, PID: h.PID, Workers: h.Workers,
	})
	if err != nil {
		return err
	}
	at := redact(l.nats.ConnectedUrl())
	b, err := l.call(ctx, opJoin, 0, body)
	switch {
	case l.life.Err() != nil && s.over() != nil:
		return s.over()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errAgain):
		return silence(at)
	case errors.Is(err, nats.ErrNoResponders):
		return refuse(NoRun, "the server at %s has no run with this token: its coordinator has ended, or is not there yet", at)
	case err != nil:
		return err
	}
	var j joined
	switch err := json.Unmarshal(b, &j); {
	case err != nil || !same(j.Proof, prove(token, "desk", s.id)):
		return refuse(WrongToken, "what answers at %s is not the coordinator of a run with this token", at)
	case j.Generation < generation:
		return refuse(NoRun, "the coordinator at %s was started before the one that this node has worked for: stop it", at)
	case j.WelcomeSize < 0 || j.WelcomeSize > maxWhole:
		return refuse(Limits, "the run's description is too large: %d bytes", j.WelcomeSize)
	}
	l.beats = j.Beats
	welcome := s.Welcome()
	if name == "" || j.Welcome != known {
		switch welcome, err = l.fetch(ctx, fetch{thing: thingWelcome}, nil); {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errAgain):
			return silence(at)
		case err != nil:
			return err
		}
		if hash(welcome) != j.Welcome {
			return refuse(NotAdmitted, "the run's description has changed meanwhile: try again")
		}
	}
	s.set(func() {
		s.name, s.generation, s.ended, s.welcome = j.Name, j.Generation, s.ended || j.Ended, welcome
	})
	return nil
}

// silence is the refusal for a server or coordinator that does not answer in time.
func silence(at string) *Refused {
	return refuse(Silent, "%s does not answer: it may have too much to do", at)
}

// hear takes in the coordinator's announcements.
func (l *link) hear(token string) func(*nats.Msg) {
	return func(m *nats.Msg) {
		var said saying
		if json.Unmarshal(m.Data, &said) != nil || !same(said.Proof, said.prove(token)) {
			return
		}
		s := l.session
		s.mu.Lock()
		mine := s.generation
		s.mu.Unlock()
		switch {
		case said.Generation > mine && mine != 0:
			l.close() // joins again
		case said.Generation == mine && said.Ended:
			s.set(func() { s.ended = true })
		}
	}
}

// call asks once. Unless the error is a Refused, the call may be repeated.
func (l *link) call(ctx context.Context, op op, number uint64, body []byte) ([]byte, error) {
	parts := pieces(len(body), pieceBytes)
	var a answer
	for i := range parts {
		var err error
		if a, err = l.request(ctx, request{op: op, call: number, part: i, parts: parts, body: piece(body, i, pieceBytes)}); err != nil {
			return nil, err
		}
	}
	if a.parts <= 1 {
		return a.body, nil
	}
	return l.fetch(ctx, fetch{thing: thingAnswer, id: number}, &a)
}

// fetch asks for the pieces of a thing; first is the first piece, or nil.
func (l *link) fetch(ctx context.Context, f fetch, first *answer) ([]byte, error) {
	var whole []byte
	parts := 1
	if first != nil {
		whole, parts, f.part = first.body, first.parts, 1
	}
	for ; f.part < parts; f.part++ {
		a, err := l.request(ctx, request{op: opFetch, parts: 1, body: f.encode()})
		if err != nil {
			return nil, err
		}
		parts = a.parts
		if parts == 1 {
			return a.body, nil
		}
		if whole = append(whole, a.body...); len(whole) > maxWhole {
			return nil, errMalformed
		}
	}
	return whole, nil
}

// errAgain asks to try once more.
var errAgain = errors.New("try again")

func (l *link) request(ctx context.Context, q request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	m, err := l.nats.RequestWithContext(ctx, l.names.desk(l.session.id), q.encode())
	l.mu.Lock()
	if errors.Is(err, context.DeadlineExceeded) {
		l.silent++
	} else if err == nil {
		l.silent = 0
	}
	stuck := l.silent >= maxSilent
	l.mu.Unlock()
	if stuck {
		l.close()
	}
	if err != nil {
		return answer{}, err
	}
	a, err := decodeAnswer(m.Data)
	if err != nil {
		return answer{}, err
	}
	switch a.status {
	case statusUnknown:
		l.close() // joins again
		return answer{}, errAgain
	case statusRefused:
		return answer{}, decodeRefusal(a.body)
	case statusAgain:
		return answer{}, errAgain
	case statusOK:
	}
	return a, nil
}

// listen takes leases in at a new inbox.
func (l *link) listen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subscription != nil {
		_ = l.subscription.Unsubscribe() // of a connection that is closed
	}
	l.inboxes++
	l.wanted = 0
	number := l.inboxes
	var err error
	l.subscription, err = l.nats.Subscribe(l.leases(), func(m *nats.Msg) { l.deliver(number, m) })
	return err
}

// leases is where leases come in. The lock is held.
func (l *link) leases() string { return inbox(l.session.id) + ".lease." + strconv.Itoa(l.inboxes) }

// deliver takes in a lease, or the end of what was asked for.
func (l *link) deliver(number int, m *nats.Msg) {
	if code := m.Header.Get("Status"); code != "" {
		if code == "100" {
			return
		}
		l.mu.Lock()
		if number == l.inboxes {
			l.wanted = 0
			// The consumer is being created again, or there are too many nodes. They must not all ask at once.
			l.hold = time.Now().Add(retryAfter + rand.N(4*retryAfter)) //nolint:gosec // no secret
		}
		l.mu.Unlock()
		l.session.set(func() {})
		return
	}
	l.mu.Lock()
	if number == l.inboxes && l.wanted > 0 {
		l.wanted--
	}
	l.mu.Unlock()
	n, err := decodeNotice(m.Data)
	var about *nats.MsgMetadata
	if err == nil {
		about, err = m.Metadata()
	}
	if err != nil || about.NumDelivered > maxEra {
		l.session.set(func() {}) // it asks for another lease
		return
	}
	d := delivered{notice: n, held: lease.Held{Generation: n.generation, ID: n.id, Epoch: n.era<<32 | about.NumDelivered}}
	l.session.set(func() {
		l.session.ready = append(l.session.ready, d)
		l.session.unclaimed[d.held] = claim{held: d.held, nonce: n.nonce, delivery: about.Sequence.Consumer, items: n.apart && l.session.join.Local == nil}
	})
}

// pull requests n leases unless a request is open, and returns the time until the next look.
func (l *link) pull(n int) time.Duration {
	l.mu.Lock()
	if now := time.Now(); l.wanted > 0 && now.Sub(l.asked) > pullAgain {
		l.mu.Unlock()
		if l.listen() != nil {
			return retryAfter
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	now := time.Now()
	switch {
	case l.stopped:
		return pullAgain
	case l.wanted > 0:
		return l.asked.Add(pullAgain + time.Second).Sub(now)
	case now.Before(l.hold):
		return l.hold.Sub(now)
	}
	// The request does not expire, so that a waiting node costs nothing.
	err := l.nats.PublishRequest(l.names.next, l.leases(), []byte(`{"batch":`+strconv.Itoa(n)+`}`))
	if err != nil {
		return retryAfter
	}
	l.wanted, l.asked = n, now
	return pullAgain
}

// stopPulling takes in no more leases.
func (l *link) stopPulling() {
	l.mu.Lock()
	l.stopped = true
	s := l.subscription
	l.mu.Unlock()
	_ = s.Unsubscribe() // of a connection that is closed
}

// beat sends a sign of life.
func (l *link) beat() {
	_ = l.nats.Publish(l.names.beat(l.session.id), nil) // the session replaces a closed connection
}

func (l *link) close() {
	l.nats.Close()
	<-l.life.Done()
}

// open reads deliveries. What cannot be read is done by now, or will be delivered once more.
func (s *Session) open(ready []delivered) (all []lease.Delivery) {
	for _, d := range ready {
		items, err := s.items(d)
		if err != nil {
			s.drop(d.held)
			continue
		}
		all = append(all, lease.Delivery{Lease: lease.Lease{Generation: d.held.Generation, ID: d.held.ID, Blocks: items}, Number: d.held.Epoch})
	}
	return all
}

// items are those of a delivery; nil: the answer to the claim has them.
func (s *Session) items(d delivered) ([]backbones.Block, error) {
	switch {
	case !d.notice.apart:
		return decodeBlocks(d.notice.blocks)
	case s.join.Local == nil:
		return nil, nil
	}
	if blocks := s.join.Local.queue.Load().blocks(d.held.ID, d.notice.nonce); blocks != nil {
		return blocks, nil
	}
	return nil, errAgain
}

func (s *Session) drop(h lease.Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unclaimed, h)
}
