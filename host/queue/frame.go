package queue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// Protocol is the version of the messages. Coordinator and nodes must have the same.
const Protocol = 1

const (
	// pieceBytes is the size of the pieces of a node's large message. Pieces for nodes have the server's largest message, less answerBytes.
	pieceBytes  = 512 << 10
	answerBytes = 4 << 10
	// maxWhole bounds what is put together of pieces.
	maxWhole = 80 << 20
	// maxEra leaves room for the number of a delivery.
	maxEra = 1 << 31
)

// op is the kind of a request.
type op uint64

const (
	opJoin op = iota + 1
	opClaim
	opReport
	opGrant
	opLeave
	// opFetch asks for a piece of what is larger than a message.
	opFetch
	opEnd
)

// status is the kind of an answer.
type status uint64

const (
	statusOK status = iota + 1
	// statusUnknown: the node must join first. The coordinator may have been started again.
	statusUnknown
	// statusRefused is followed by a reason and a text.
	statusRefused
	// statusAgain: the node sends all of it again, after a while.
	statusAgain
)

// request is one message of a node to the coordinator. A body that is larger than a message is sent in parts, one after the other.
type request struct {
	op          op
	call        uint64
	part, parts int
	body        []byte
}

func (q request) encode() []byte {
	w := &writer{b: make([]byte, 0, len(q.body)+24)}
	w.number(Protocol)
	w.number(uint64(q.op))
	w.number(q.call)
	w.count(q.part)
	w.count(q.parts)
	w.b = append(w.b, q.body...)
	return w.b
}

func decodeRequest(b []byte) (request, error) {
	r := &reader{b: b}
	if r.number() != Protocol {
		return request{}, errMalformed
	}
	q := request{op: op(r.number()), call: r.number(), part: r.count(), parts: r.count()}
	if q.op < opJoin || q.op >= opEnd || q.parts < 1 || q.parts > pieces(maxWhole, pieceBytes) || q.part >= q.parts {
		r.fail()
	}
	q.body, r.b = r.b, nil
	return q, r.end()
}

// answer is the coordinator's answer to one message. The first piece of a body that is larger than a message comes with it.
type answer struct {
	status status
	parts  int
	body   []byte
}

func (a answer) encode() []byte { return a.appendTo(make([]byte, 0, len(a.body)+16)) }

func (a answer) appendTo(b []byte) []byte {
	w := &writer{b: b}
	w.number(uint64(a.status))
	w.count(a.parts)
	w.b = append(w.b, a.body...)
	return w.b
}

func decodeAnswer(b []byte) (answer, error) {
	r := &reader{b: b}
	a := answer{status: status(r.number()), parts: r.count()}
	if a.status < statusOK || a.status > statusAgain || a.parts > pieces(maxWhole, pieceBytes) {
		r.fail()
	}
	a.body, r.b = r.b, nil
	return a, r.end()
}

func refusal(e *Refused) answer {
	w := &writer{}
	w.text(string(e.Reason))
	w.text(e.Text)
	return answer{status: statusRefused, body: w.b}
}

func decodeRefusal(b []byte) error {
	r := &reader{b: b}
	e := &Refused{Reason: Reason(r.text()), Text: r.text()}
	if err := r.end(); err != nil {
		return err
	}
	return e
}

// pieces is how many pieces of a size n bytes go in.
func pieces(n, size int) int { return max(1, (n+size-1)/size) }

// piece is the i-th piece of b.
func piece(b []byte, i, size int) []byte { return b[min(i*size, len(b)):min((i+1)*size, len(b))] }

// thing is what can be fetched in pieces.
type thing uint64

const (
	// thingAnswer is the answer to an earlier call.
	thingAnswer thing = iota + 1
	thingWelcome
	// thingProgram is the run's plugin. The number is the offset of the piece, and there is no part.
	thingProgram
)

// fetch asks for a piece of a thing.
type fetch struct {
	thing thing
	// id is a call's number, or an offset.
	id   uint64
	part int
}

func (f fetch) encode() []byte {
	w := &writer{}
	w.number(uint64(f.thing))
	w.number(f.id)
	w.count(f.part)
	return w.b
}

func decodeFetch(b []byte) (fetch, error) {
	r := &reader{b: b}
	f := fetch{thing: thing(r.number()), id: r.number(), part: r.count()}
	return f, r.end()
}

// hello is how a node joins. It is JSON, and only grows, so that every version can read it of every other.
type hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	// Proof shows that the node knows the token.
	Proof   string `json:"proof"`
	Name    string `json:"name"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Workers int    `json:"workers"`
}

// joined is the answer to a hello.
type joined struct {
	Protocol int `json:"protocol"`
	// Proof shows that the coordinator knows the token.
	Proof      string `json:"proof"`
	Name       string `json:"name"`
	Generation uint64 `json:"generation"`
	Ended      bool   `json:"ended"`
	// Welcome is the hash of the welcome, WelcomeSize its size.
	Welcome     string `json:"welcome"`
	WelcomeSize int    `json:"welcome_size"`
	// Beats: the node must show that it is alive.
	Beats bool `json:"beats"`
}

// prove is a proof that the sender knows the token.
func prove(token, role, id string) string {
	h := hmac.New(sha256.New, []byte(token))
	_, _ = h.Write([]byte(role + " " + id)) // never fails
	return hex.EncodeToString(h.Sum(nil))
}

// saying is an announcement of the coordinator to all nodes and to its predecessor.
type saying struct {
	// Proof is prove(token, "say", the rest).
	Proof      string `json:"proof"`
	Generation uint64 `json:"generation"`
	// Renewed counts how often the queue was created again: nodes must ask for leases again.
	Renewed uint64 `json:"renewed"`
	Ended   bool   `json:"ended"`
}

// goodbye is a node's last message: the deliveries that it has not claimed, and what it has to say.
type goodbye struct {
	unclaimed []claim
	last      lease.Farewell
}

// maxLast bounds the text of a goodbye.
const maxLast = 8 << 10

func encodeGoodbye(g goodbye) []byte {
	w := &writer{}
	writeList(w, g.unclaimed, writeClaim)
	w.count(g.last.Unclosed)
	w.text(g.last.First[:min(len(g.last.First), maxLast)])
	w.text(g.last.Refused[:min(len(g.last.Refused), maxLast)])
	return w.b
}

func decodeGoodbye(b []byte) (goodbye, error) {
	r := &reader{b: b}
	g := goodbye{unclaimed: list(r, claimBytes, readClaim), last: lease.Farewell{Unclosed: r.count(), First: r.text(), Refused: r.text()}}
	if len(g.last.First) > maxLast || len(g.last.Refused) > maxLast {
		r.fail()
	}
	return g, r.end()
}
