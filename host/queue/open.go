package queue

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// Open creates a run's queue in the server. The queue answers nodes after Serve.
func (s *Server) Open(ctx context.Context, o Options) (*Queue, error) {
	nc, err := nats.Connect("", append(deskOptions(), nats.InProcessServer(s.nats), nats.UserInfo(userDesk, s.gate.desk))...)
	if err != nil {
		return nil, err
	}
	q, err := open(ctx, nc, o, s)
	if err == nil {
		s.queue.Store(q)
	}
	return q, err
}

// open creates a run's queue over a connection; s is the embedded server, or nil.
func open(ctx context.Context, nc *nats.Conn, o Options, s *Server) (*Queue, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	q := &Queue{
		options: o, names: namesOf(o.Token), offers: namesOf(o.Token).offers(newID()), nats: nc, js: js, server: s, window: windowBytes,
		piece: int(min(nc.MaxPayload(), maxPayload)) - answerBytes, entries: map[lease.ID]*entry{}, room: make(chan struct{}),
	}
	if s == nil {
		if err := q.fits(ctx); err != nil {
			nc.Close()
			return nil, err
		}
	}
	if err := q.makeStream(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return q, nil
}

var errReplaced = refuse(Replaced, "another coordinator of this run has been started after this one")

func deskOptions() []nats.Option {
	return []nats.Option{
		nats.Name("kagurazaka coordinator"), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.Timeout(askTimeout),
		nats.PingInterval(20 * time.Second), nats.IgnoreAuthErrorAbort(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
}

// Serve answers nodes until Close. It is called once.
func (q *Queue) Serve(book lease.Desk) error {
	d := newDesk(q, book)
	q.mu.Lock()
	q.desk = d
	q.mu.Unlock()
	requests, err := q.nats.Subscribe(q.names.deskPrefix+"*", d.handle)
	if err != nil {
		return err
	}
	// Nodes repeat requests that do not fit.
	if err := requests.SetPendingLimits(512<<10, 128<<20); err != nil {
		return err
	}
	if _, err := q.nats.Subscribe(q.names.beatPrefix+"*", d.beat); err != nil {
		return err
	}
	if _, err := q.nats.Subscribe(q.names.say, q.hear); err != nil {
		return err
	}
	if err := q.listenForGone(d); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.watch(ctx)
	}()
	q.stop = func() {
		cancel()
		<-done
	}
	if err := q.nats.Flush(); err != nil {
		return err
	}
	if err := q.nats.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return lacking(redact(q.nats.ConnectedUrl()), err)
	}
	return q.say()
}

// listenForGone learns from an embedded server which nodes connect and disconnect.
func (q *Queue) listenForGone(d *desk) error {
	if q.server == nil {
		return nil
	}
	nc, err := nats.Connect("", append(deskOptions(), nats.InProcessServer(q.server.nats), nats.UserInfo(userEvents, q.server.gate.desk))...)
	if err != nil {
		return err
	}
	q.events = nc
	// One subscription, so that the events of a node come in their order.
	_, err = nc.Subscribe("$SYS.ACCOUNT.*.*", func(m *nats.Msg) {
		by, known := map[string]int{"CONNECT": 1, "DISCONNECT": -1}[m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]]
		if !known {
			return
		}
		var event struct {
			Client struct {
				User string `json:"user"`
			} `json:"client"`
		}
		if json.Unmarshal(m.Data, &event) == nil && isID(event.Client.User) {
			d.connected(event.Client.User, by)
		}
	})
	if err != nil {
		return err
	}
	return nc.Flush()
}

// makeStream creates the stream and its consumer, empty, and removes an earlier one.
func (q *Queue) makeStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*askTimeout)
	defer cancel()
	if q.replaced(ctx) {
		return errReplaced
	}
	if err := q.js.DeleteStream(ctx, q.names.stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	stream, err := q.createStream(ctx)
	if err != nil {
		return err
	}
	_, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: q.names.consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.options.LeaseTime, MaxDeliver: -1,
		MaxWaiting: 2 * MaxNodes, MaxAckPending: 2 * windowLeases, MemoryStorage: true, Replicas: 1,
	})
	if full := q.full(err); full != nil {
		return full
	}
	return err
}

// replaced reports whether a later coordinator has a stream there.
func (q *Queue) replaced(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := q.js.Stream(ctx, q.names.stream)
	return err == nil && generationOf(s) > q.options.Generation
}

// generationOf is the generation of a stream's coordinator; 0: unknown.
func generationOf(s jetstream.Stream) uint64 {
	g, err := strconv.ParseUint(s.CachedInfo().Config.Metadata["generation"], 10, 64)
	if err != nil {
		return 0
	}
	return g
}

// createStream creates the stream, with a smaller window where a team's server has less room.
func (q *Queue) createStream(ctx context.Context) (jetstream.Stream, error) {
	for {
		stream, err := q.js.CreateStream(ctx, q.streamConfig())
		full := q.full(err)
		switch {
		case full == nil:
			return stream, err
		case !Is(full, Limits) || q.window/2 < minWindowBytes:
			return nil, full
		}
		q.window /= 2
	}
}

func (q *Queue) streamConfig() jetstream.StreamConfig {
	generation := strconv.FormatUint(q.options.Generation, 10)
	return jetstream.StreamConfig{
		Name: q.names.stream, Subjects: []string{q.offers}, Description: "kagurazaka run " + q.options.Run,
		// A node sees the subject of what it gets. It could name that one as where answers to it go, and the server lets answers go anywhere.
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: q.offers, Destination: q.names.lease},
		Metadata:         map[string]string{"run": q.options.Run, "generation": generation},
		Storage:          jetstream.MemoryStorage, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Replicas: 1,
		MaxMsgs: 2 * windowLeases, MaxBytes: int64(q.window) + int64(q.window)/8, Duplicates: time.Minute,
	}
}

// say tells every node how the run stands.
func (q *Queue) say() error {
	q.mu.Lock()
	s := saying{Generation: q.options.Generation, Renewed: q.era, Ended: !q.ended.IsZero()}
	q.mu.Unlock()
	s.Proof = s.prove(q.options.Token)
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := q.nats.Publish(q.names.say, b); err != nil {
		return err
	}
	return q.nats.Flush()
}

// hear closes the queue when a later coordinator takes it over.
func (q *Queue) hear(m *nats.Msg) {
	var s saying
	if json.Unmarshal(m.Data, &s) != nil || !same(s.Proof, s.prove(q.options.Token)) || s.Generation <= q.options.Generation {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over == nil {
		q.over = errReplaced
		q.silent.Store(true)
		close(q.room)
		q.room = make(chan struct{})
	}
}

// delivered records the delivery that is claimed, or returns why the lease cannot be claimed.
func (q *Queue) delivered(c claim) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[c.held.ID]
	switch {
	case e == nil:
		return "the lease is finished"
	case e.nonce != c.nonce:
		return "the lease was not delivered to this node"
	}
	e.delivery = max(c.delivery, 1)
	return ""
}

// giveBack takes unclaimed deliveries back.
func (q *Queue) giveBack(all []claim) {
	for _, c := range all {
		if c.held.Generation == q.options.Generation && q.delivered(c) == "" {
			q.Back(c.held.ID)
		}
	}
}

// blocks are those of a lease that do not go through the stream, for the node in this process.
func (q *Queue) blocks(id lease.ID, nonce uint64) []backbones.Block {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[id]; e != nil && e.nonce == nonce {
		return e.blocks
	}
	return nil
}

func (q *Queue) hasEnded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.ended.IsZero()
}

// endedAt is when the nodes were told that the run has ended; zero: they were not.
func (q *Queue) endedAt() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// Close ends the queue, and removes its stream from a team's server.
func (q *Queue) Close() {
	q.close.Do(func() {
		if q.stop != nil {
			q.stop()
		}
		if q.events != nil {
			q.events.Close()
		}
		if q.server == nil {
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			if s, err := q.js.Stream(ctx, q.names.stream); err == nil && generationOf(s) == q.options.Generation {
				_ = q.js.DeleteStream(ctx, q.names.stream) // the next coordinator does
			}
		}
		q.mu.Lock()
		if q.over == nil {
			q.over = errors.New("the queue is closed")
		}
		close(q.room)
		q.room = make(chan struct{})
		q.mu.Unlock()
		q.nats.Close()
	})
}

// prove is a proof that the sender knows the token.
func (s saying) prove(token string) string {
	return prove(token, "say", strings.Join([]string{strconv.FormatUint(s.Generation, 10), strconv.FormatUint(s.Renewed, 10), strconv.FormatBool(s.Ended)}, " "))
}
