package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

const (
	// beatEvery is how often a node shows that it is alive while it has leases, or is to leave, lostAfter how long it may be silent then.
	beatEvery = 3 * time.Second
	lostAfter = 10 * time.Second
	// rareBeatEvery is how often a node without leases shows that where the server does not tell who has a connection, idleLostAfter how long it
	// may be silent there.
	rareBeatEvery = time.Minute
	idleLostAfter = 3*rareBeatEvery + 30*time.Second
	// goneAfter is how long a node may be without a connection where the server tells.
	goneAfter = 2 * time.Second
	// requestRate and requestBurst bound what one node may ask for, in requests a second.
	requestRate  = 5_000
	requestBurst = 10_000
	// maxCalls is how many calls of one node may be in pieces at once. maxUploads is what those of all nodes may take, maxWhole what one node's may.
	maxCalls   = 4
	maxUploads = 256 << 20
	maxName    = 64
	// maxClaims is how many leases are claimed by one request.
	maxClaims = 64
)

// Hello is a node's description of itself when it joins.
type Hello struct {
	// Name is the name that the node asks for; empty: its host's.
	Name, Host string
	PID        int
	Workers    int
	// Version is the node's version, for messages.
	Version string
}

// member is a node that has joined.
type member struct {
	id   string
	node lease.Node
	seen time.Time
	// gone is since when it has no connection, if known; zero: it has one.
	gone time.Time
	// allowance is how many requests it may still send, as of seen.
	allowance float64
	// holds are the leases that it has claimed, with their nonces: it must report on them.
	holds   map[lease.ID]uint64
	uploads map[uint64]*upload
	answers map[uint64][]byte
	// worked: it has had a lease, so that its workers may have something to close.
	worked bool
	// refused: it has said that it cannot work on the run.
	refused bool
}

// alive notes a sign of life.
func (m *member) alive(now time.Time) {
	m.allowance = min(requestBurst, m.allowance+now.Sub(m.seen).Seconds()*requestRate)
	m.seen, m.gone = now, time.Time{}
}

// allowed takes one request of the allowance.
func (m *member) allowed() bool {
	if m.allowance < 1 {
		return false
	}
	m.allowance--
	return true
}

// uploaded is what the node's uploads take.
func (m *member) uploaded() (n int) {
	for _, u := range m.uploads {
		n += len(u.body)
	}
	return n
}

// upload is a request that comes in parts.
type upload struct {
	body []byte
	next int
}

// desk answers the nodes' requests, one after another.
type desk struct {
	queue *Queue
	book  lease.Desk
	// answer and buffer are memory that is used again for each answer: requests are handled one after another, and NATS copies what it sends.
	answer, buffer []byte

	mu      sync.Mutex
	members map[string]*member
	names   map[string]*member
	// numbers are the last numbers given to nodes of one name.
	numbers map[string]int
	// connections counts the connections of each node, where the server tells of them.
	connections map[string]int
	// uploaded is what all uploads take.
	uploaded int
	// reading has an element for each piece of the plugin that is being read.
	reading chan struct{}
	// left is closed and replaced when a node leaves.
	left chan struct{}
}

func newDesk(q *Queue, book lease.Desk) *desk {
	return &desk{queue: q, book: book, members: map[string]*member{}, names: map[string]*member{}, numbers: map[string]int{}, connections: map[string]int{}, reading: make(chan struct{}, maxReading), left: make(chan struct{})}
}

// handle answers one request.
func (d *desk) handle(m *nats.Msg) {
	id := strings.TrimPrefix(m.Subject, d.queue.names.deskPrefix)
	// An answer has the coordinator's rights, and goes to the node that asks and nowhere else.
	if !isID(id) || !strings.HasPrefix(m.Reply, inbox(id)+".") || d.queue.silent.Load() {
		return
	}
	q, err := decodeRequest(m.Data)
	if err != nil {
		if len(m.Data) > 0 && m.Data[0] != Protocol {
			d.reply(m, refusal(refuse(WrongVersion, "the coordinator (%s) speaks another version of the messages (%d): use the same version of kagurazaka on all machines", d.queue.options.Version, Protocol)))
		} else {
			d.reply(m, refusal(refuse(NotAdmitted, "the coordinator does not understand the message")))
		}
		return
	}
	if q.op == opJoin {
		d.reply(m, d.join(id, q.body))
		return
	}
	now := time.Now()
	d.mu.Lock()
	member := d.members[id]
	if member == nil {
		d.mu.Unlock()
		d.reply(m, answer{status: statusUnknown})
		return
	}
	if member.alive(now); !member.allowed() {
		d.mu.Unlock() // a flood is not answered
		return
	}
	body, whole, st := d.collect(member, q)
	d.mu.Unlock()
	if !whole {
		d.reply(m, answer{status: st})
		return
	}
	if q.op == opFetch {
		d.answerFetch(m, member, body)
		return
	}
	// The body is written behind its frame, so that it need not be copied there.
	w := &writer{b: answer{status: statusOK, parts: 1}.appendTo(d.answer[:0])}
	frame := len(w.b)
	err = d.serve(member, q.op, body, w)
	d.mu.Lock()
	removed := d.members[id] != member
	d.mu.Unlock()
	if removed && q.op != opLeave {
		// It was taken for lost meanwhile, and what it has just said made it one of the book's nodes again.
		d.book.Left(member.node.Name, true)
	}
	if err != nil {
		d.reply(m, refusal(refuse(NotAdmitted, "the coordinator does not understand the message")))
		return
	}
	result, size := w.b[frame:], d.queue.piece
	d.answer = scratch(d.answer, w.b, 2*size)
	parts := pieces(len(result), size)
	if parts == 1 {
		_ = m.Respond(w.b) // a node whose answer is lost asks again
		return
	}
	result = bytes.Clone(result)
	d.mu.Lock()
	if len(member.answers) >= maxCalls {
		clear(member.answers)
	}
	member.answers[q.call] = result
	d.mu.Unlock()
	d.reply(m, answer{status: statusOK, parts: parts, body: piece(result, 0, size)})
}

// collect puts a request's parts together. The lock is held.
func (d *desk) collect(m *member, q request) (body []byte, whole bool, st status) {
	if q.parts == 1 {
		return q.body, true, 0
	}
	if len(q.body) > pieceBytes {
		return nil, false, statusAgain
	}
	u := m.uploads[q.call]
	if q.part == 0 && (u == nil || u.next != 1) {
		if u != nil {
			d.forget(m, q.call)
		}
		if len(m.uploads) >= maxCalls {
			for call := range m.uploads {
				d.forget(m, call)
			}
		}
		u = &upload{}
		m.uploads[q.call] = u
	}
	switch {
	case u == nil || q.part > u.next:
		return nil, false, statusAgain
	case q.part < u.next: // sent again, because the answer was lost
		return nil, false, statusOK
	case d.uploaded+len(q.body) > maxUploads, m.uploaded()+len(q.body) > maxWhole:
		d.forget(m, q.call)
		return nil, false, statusAgain
	}
	u.body = append(u.body, q.body...)
	u.next++
	d.uploaded += len(q.body)
	if u.next < q.parts {
		return nil, false, statusOK
	}
	d.forget(m, q.call)
	return u.body, true, 0
}

// forget drops an upload. The lock is held.
func (d *desk) forget(m *member, call uint64) {
	if u := m.uploads[call]; u != nil {
		d.uploaded -= len(u.body)
		delete(m.uploads, call)
	}
}

// serve answers a whole request.
func (d *desk) serve(m *member, op op, body []byte, w *writer) error {
	switch op {
	case opClaim:
		r := &reader{b: body}
		all := list(r, claimBytes, readClaim)
		if err := r.end(); err != nil || len(all) > maxClaims {
			return errMalformed
		}
		for i, c := range all {
			if i > 0 && len(w.b) > d.queue.piece/2 {
				break // the node asks again for the rest
			}
			writeClaimed(w, d.claim(m, c))
		}
		return nil
	case opReport:
		r, err := decodeReport(body)
		if err != nil {
			return err
		}
		r.Node = m.node.Name
		answer := d.book.Report(r)
		d.mu.Lock()
		for _, p := range r.Leases {
			if p.Ended && p.Held.Generation == d.queue.options.Generation {
				delete(m.holds, p.Held.ID)
			}
		}
		for _, h := range answer.Lost {
			if h.Generation == d.queue.options.Generation {
				delete(m.holds, h.ID)
			}
		}
		d.mu.Unlock()
		writeReported(w, answer)
		return nil
	case opGrant:
		a, err := decodeAsk(body)
		if err != nil {
			return err
		}
		a.Node = m.node.Name
		writeGranted(w, d.book.Grant(a))
		return nil
	case opLeave:
		g, err := decodeGoodbye(body)
		if err != nil {
			return err
		}
		d.queue.giveBack(g.unclaimed)
		g.last.Refused, g.last.First = oneLine(g.last.Refused), inOneLine(g.last.First)
		if m.refused = g.last.Refused != ""; m.refused || g.last.Unclosed > 0 {
			d.book.Farewell(m.node.Name, g.last)
		}
		d.remove(m, false)
		return nil
	}
	return errMalformed
}

// claim lets a node have a lease if it was delivered to it.
func (d *desk) claim(m *member, c claim) lease.Claimed {
	if c.held.Generation != d.queue.options.Generation {
		return lease.Claimed{Refused: "the coordinator was started again"}
	}
	d.mu.Lock()
	nonce, holds := m.holds[c.held.ID]
	d.mu.Unlock()
	// One that asks again, because the answer was lost, asks for what is not in the queue any more.
	if !holds || nonce != c.nonce {
		if why := d.queue.delivered(c); why != "" {
			return lease.Claimed{Refused: why}
		}
	}
	a := d.book.Claim(lease.Claim{Node: m.node.Name, Held: c.held})
	if a.Refused == "" {
		d.mu.Lock()
		m.holds[c.held.ID], m.worked = c.nonce, true
		d.mu.Unlock()
	}
	if !c.items {
		a.Blocks = nil
	}
	return a
}

// answerFetch answers with a piece of a thing.
func (d *desk) answerFetch(m *nats.Msg, member *member, body []byte) {
	f, err := decodeFetch(body)
	switch {
	case err != nil:
		d.reply(m, refusal(refuse(NotAdmitted, "the coordinator does not understand the message")))
	case f.thing == thingProgram:
		d.sendProgram(m, member, f.id)
	default:
		d.reply(m, d.fetch(member, f))
	}
}

// fetch answers with a piece of what is in memory.
func (d *desk) fetch(m *member, f fetch) answer {
	var whole []byte
	switch f.thing {
	case thingAnswer:
		d.mu.Lock()
		whole = m.answers[f.id]
		if f.part == pieces(len(whole), d.queue.piece)-1 {
			delete(m.answers, f.id)
		}
		d.mu.Unlock()
	case thingWelcome:
		whole = d.queue.options.Welcome
	}
	parts := pieces(len(whole), d.queue.piece)
	if whole == nil || f.part >= parts {
		return answer{status: statusAgain}
	}
	return answer{status: statusOK, parts: parts, body: piece(whole, f.part, d.queue.piece)}
}

// join takes a node in.
func (d *desk) join(id string, body []byte) answer {
	var h hello
	o := &d.queue.options
	if err := json.Unmarshal(body, &h); err != nil {
		return refusal(refuse(NotAdmitted, "the coordinator does not understand the message"))
	}
	if !same(h.Proof, prove(o.Token, "node", id)) {
		return refusal(refuse(WrongToken, "the coordinator does not take the token"))
	}
	if h.Protocol != Protocol {
		return refusal(refuse(WrongVersion, "the node (version %s) and the coordinator (version %s) speak different versions of the messages (%d and %d): use the same version of kagurazaka on all machines",
			printable(h.Version), o.Version, h.Protocol, Protocol))
	}
	given := Hello{Name: nameOf(h.Name), Host: nameOf(h.Host), PID: h.PID, Workers: max(h.Workers, 0), Version: printable(h.Version)}
	if o.Admit != nil {
		if err := o.Admit(given); err != nil {
			return refusal(refuse(NotAdmitted, "%s", err))
		}
	}
	now := time.Now()
	d.mu.Lock()
	m := d.members[id]
	fresh := m == nil
	if fresh {
		if len(d.members) >= MaxNodes {
			d.mu.Unlock()
			return refusal(refuse(NotAdmitted, "the run has %d nodes already, which is the most", MaxNodes))
		}
		name := d.freeName(given)
		// What a node of a former coordinator has done is not known.
		m = &member{id: id, worked: o.Generation > 1, holds: map[lease.ID]uint64{}, allowance: requestBurst, node: lease.Node{Name: name, Host: given.Host, PID: given.PID, Session: id, Since: now}}
		d.members[id], d.names[name] = m, m
	} else {
		for call := range m.uploads {
			d.forget(m, call)
		}
	}
	m.seen, m.gone, m.node.Workers = now, time.Time{}, given.Workers
	m.uploads, m.answers = map[uint64]*upload{}, map[uint64][]byte{}
	node := m.node
	d.mu.Unlock()
	if fresh {
		d.book.Joined(node)
	}
	reply, err := json.Marshal(joined{
		Protocol: Protocol, Proof: prove(o.Token, "desk", id), Name: node.Name, Generation: o.Generation, Ended: d.queue.hasEnded(),
		Welcome: hash(o.Welcome), WelcomeSize: len(o.Welcome), Beats: d.queue.server == nil,
	})
	if err != nil {
		return refusal(refuse(NotAdmitted, "%s", err))
	}
	return answer{status: statusOK, parts: 1, body: reply}
}

// remove takes a node out.
func (d *desk) remove(m *member, lost bool) {
	d.mu.Lock()
	if d.members[m.id] != m {
		d.mu.Unlock()
		return
	}
	delete(d.members, m.id)
	delete(d.names, m.node.Name)
	if m.refused {
		d.giveBack(m.node.Name)
	}
	for call := range m.uploads {
		d.forget(m, call)
	}
	close(d.left)
	d.left = make(chan struct{})
	d.mu.Unlock()
	d.book.Left(m.node.Name, lost)
}

// beat notes a sign of life.
func (d *desk) beat(m *nats.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.members[strings.TrimPrefix(m.Subject, d.queue.names.beatPrefix)]; n != nil {
		n.alive(time.Now())
	}
}

// connected counts a connection that a node has made (1) or lost (-1). A node that comes back may do so before the server sees that its former
// connection is dead.
func (d *desk) connected(id string, by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connections[id] += by; d.connections[id] > 0 {
		return
	}
	delete(d.connections, id)
	if n := d.members[id]; n != nil && n.gone.IsZero() {
		n.gone = time.Now()
	}
}

// watchEvery is how often the desk looks for lost nodes.
const watchEvery = time.Second

// watch tells of lost nodes until ctx ends.
func (d *desk) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last := time.Now()
	var server serverWatch
	for {
		select {
		case now := <-tick.C:
			gap := now.Sub(last) - 2*watchEvery
			if !server.answers(d.queue) {
				// Without a server, no node can be heard.
				gap = now.Sub(last)
			}
			if gap > 0 {
				d.forgive(gap, now)
			}
			last = now
			for _, m := range d.silent(now) {
				d.remove(m, true)
			}
		case <-ctx.Done():
			return
		}
	}
}

// forgive takes a gap, in which this process could not hear nodes, out of the silence of all.
func (d *desk) forgive(gap time.Duration, now time.Time) {
	later := func(t time.Time) time.Time {
		if t = t.Add(gap); t.After(now) {
			return now
		}
		return t
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		if m.seen = later(m.seen); !m.gone.IsZero() {
			m.gone = later(m.gone)
		}
	}
}

// silent are the nodes that have said nothing for too long.
func (d *desk) silent(now time.Time) (all []*member) {
	end := d.queue.endedAt()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		silent := now.Sub(m.seen)
		leaves := !end.IsZero() && now.Sub(end) > lostAfter
		if (len(m.holds) > 0 || leaves) && silent > lostAfter || leaves && !m.worked || d.queue.server == nil && silent > idleLostAfter ||
			!m.gone.IsZero() && now.Sub(m.gone) > goneAfter {
			all = append(all, m)
		}
	}
	return all
}

// staying are the names of the nodes that the end of the run waits for: for a moment all, then those that have had items.
func (d *desk) staying(now time.Time) (names []string, left <-chan struct{}) {
	moment := now.Sub(d.queue.endedAt()) <= lostAfter
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		if m.worked || moment {
			names = append(names, m.node.Name)
		}
	}
	slices.Sort(names)
	return names, d.left
}

// empty waits until every node has left.
func (d *desk) empty(ctx context.Context) error {
	const most = 8
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		names, left := d.staying(time.Now())
		n := len(names)
		if n == 0 {
			return nil
		}
		select {
		case <-left:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d nodes have not left (%s): %w", n, strings.Join(names[:min(n, most)], ", "), ctx.Err())
		}
	}
}

func (d *desk) reply(m *nats.Msg, a answer) {
	d.answer = a.appendTo(d.answer[:0])
	_ = m.Respond(d.answer) // a node whose answer is lost asks again
}

// scratch is the memory for the next answer: the grown one, unless it is large.
func scratch(old, used []byte, most int) []byte {
	if cap(used) > cap(old) && len(used) <= most {
		return used[:0]
	}
	return old
}
