package queue

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

const (
	// windowLeases and windowBytes bound what is published ahead.
	windowLeases = 65_536
	windowBytes  = 256 << 20
	// minWindowBytes is what a team's server must have room for.
	minWindowBytes = 16 << 20
	// noticeBytes is the size of a message in the stream without the lease.
	noticeBytes = 256
	// blockBytes is the approximate size of a key, or of a block without its payload.
	blockBytes = 32
	// inlineBytes is the size of blocks that go through the stream, which copies them several times. Larger ones go with the answer to the claim. The
	// node in this process needs no copy of them at all.
	inlineBytes = 1 << 10
	askTimeout  = 5 * time.Second
	retryAfter  = 200 * time.Millisecond
)

// Options describe a coordinator's run.
type Options struct {
	// Run is the run's name, for administrators of a server.
	Run string
	// Generation counts the coordinator's starts. One with a higher generation takes the queue over.
	Generation uint64
	Token      string
	// Version is the coordinator's version, for messages.
	Version string
	// LeaseTime is after which time a lease that was delivered and is not done is delivered once more. A node that holds leases and says nothing
	// for more than twice the time is lost.
	LeaseTime time.Duration
	// Welcome is what a node gets when it joins.
	Welcome []byte
	// Program is the plugin, for nodes that ask for it; nil: none gets it.
	Program io.ReaderAt
	// Admit may refuse a node with an error, which the node shows; nil: all are admitted. It must not block.
	Admit func(Hello) error
	// Connection is called with the error when the connection to a team's server is lost, and with nil when it is back. May be nil.
	Connection func(lost error)
}

// entry is a lease that is published and not done.
type entry struct {
	nonce uint64
	// sequence is the stream's number; 0: not confirmed yet.
	sequence uint64
	// delivery is the number of the delivery that was claimed last; 0: none was.
	delivery uint64
	bytes    int
	// blocks are those that do not go through the stream, for the node in this process.
	blocks []backbones.Block
	// done: it is taken out as soon as its sequence is known.
	done bool
}

// Queue is the coordinator's side. It implements lease.Queue.
type Queue struct {
	options Options
	names   names
	// offers is the secret subject at which the stream takes leases: whatever comes there is the coordinator's.
	offers string
	nats   *nats.Conn
	js     jetstream.JetStream
	desk   *desk
	// piece is the size of the pieces that nodes get, window how many bytes of leases the stream has room for.
	piece  int
	window int
	// server is the embedded one; nil: a team's.
	server *Server
	// events is a connection to an embedded server for the events of others.
	events *nats.Conn
	stop   func()

	// making is locked to create the stream again, and shared to publish.
	making sync.RWMutex
	// publishing is held to publish several leases, which are then the stream's next. last is the number of the stream's last message.
	publishing sync.Mutex
	last       uint64

	mu      sync.Mutex
	entries map[lease.ID]*entry
	bytes   int
	era     uint64
	// room is closed and replaced when leases are done.
	room chan struct{}
	// over is why nothing can be published any more, silent: nodes are another coordinator's.
	over   error
	silent atomic.Bool
	// ended is when the nodes were told that the run has ended.
	ended time.Time
	close sync.Once
}

// confirm records the stream's number of a lease.
func (q *Queue) confirm(id lease.ID, e *entry, sequence uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.sequence = sequence
	if e.done {
		q.takeOut(e)
	}
}

// forget takes back an entry whose lease could not be published.
func (q *Queue) forget(id lease.ID, e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.entries[id] == e {
		q.drop(id, e)
	}
}

// drop removes an entry. The lock is held.
func (q *Queue) drop(id lease.ID, e *entry) {
	delete(q.entries, id)
	q.bytes -= e.bytes
	close(q.room)
	q.room = make(chan struct{})
}

// Done implements lease.Queue.
func (q *Queue) Done(ids ...lease.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		e := q.entries[id]
		if e == nil {
			continue
		}
		q.drop(id, e)
		e.done, e.blocks = true, nil
		if e.sequence != 0 {
			q.takeOut(e)
		}
	}
}

// takeOut takes a lease out of the stream.
func (q *Queue) takeOut(e *entry) {
	if e.delivery != 0 {
		q.acknowledge(e, nil)
		return
	}
	// JetStream accepts no acknowledgement of an undelivered message.
	body := `{"seq":` + strconv.FormatUint(e.sequence, 10) + `,"no_erase":true}`
	_ = q.nats.PublishRequest("$JS.API.STREAM.MSG.DELETE."+q.names.stream, q.names.nowhere, []byte(body)) // what is lost shows in Open
}

// Back implements lease.Queue.
func (q *Queue) Back(ids ...lease.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if e := q.entries[id]; e != nil && e.sequence != 0 {
			q.acknowledge(e, []byte("-NAK"))
		}
	}
}

// acknowledge sends an acknowledgement. JetStream finds the message by the stream's number; the consumer's number only needs to be one that was
// given out.
func (q *Queue) acknowledge(e *entry, body []byte) {
	b := make([]byte, 0, 96)
	b = append(b, "$JS.ACK."...)
	b = append(b, q.names.stream...)
	b = append(b, '.')
	b = append(b, q.names.consumer...)
	b = append(b, ".1."...)
	b = strconv.AppendUint(b, e.sequence, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, max(e.delivery, 1), 10)
	b = append(b, ".0.0"...)
	_ = q.nats.Publish(string(b), body) // what is lost shows in Open
}

// Open implements lease.Queue.
func (q *Queue) Open(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// Acknowledgements on their way count.
	if err := q.nats.FlushWithContext(ctx); err != nil {
		return 0, err
	}
	c, err := q.js.Consumer(ctx, q.names.stream, q.names.consumer)
	switch {
	case gone(err):
		return 0, lease.ErrGone
	case err != nil:
		return 0, err
	}
	info := c.CachedInfo()
	return int(info.NumPending) + info.NumAckPending, nil //nolint:gosec // at most the window
}

// gone reports whether an error says that the stream or the consumer does not exist.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// Renew implements lease.Queue.
func (q *Queue) Renew(ctx context.Context) error {
	q.making.Lock()
	defer q.making.Unlock()
	if err := q.makeStream(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	q.era++
	q.last = 0
	clear(q.entries)
	q.bytes = 0
	close(q.room)
	q.room = make(chan struct{})
	q.mu.Unlock()
	return q.say()
}

// End implements lease.Queue.
func (q *Queue) End(ctx context.Context) error {
	q.mu.Lock()
	q.ended = time.Now()
	q.mu.Unlock()
	if err := q.say(); err != nil {
		return err
	}
	return q.desk.empty(ctx)
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var _ lease.Queue = (*Queue)(nil)
