package lease

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// world is a run as everybody sees it: a Book, a queue that may lose and repeat, nodes that may die, and what came of it.
type world struct {
	t          *rapid.T
	book       *Book
	generation uint64
	now        time.Duration
	// items are the texts of the listing, in its order. outcomes counts those that the sink got for each.
	items    []string
	outcomes map[string]int
	// numbers are the items of this generation by number, listed how many of them were added.
	numbers map[uint64]string
	listed  int
	queue   []Lease
	// published are all leases of this generation.
	published []Lease
	nodes     []*simulated
	history   []Report
	// granted is who was last granted an item.
	granted map[string]simulatedGrant
	pids    int
}

const (
	simulatedLease     = 10 * time.Second
	simulatedGrantTime = 3 * time.Second
)

// simulated is a node.
type simulated struct {
	name string
	// was is its name before it was quarantined.
	was string
	pid int
	// dead: its process has ended. cut: nothing that it says arrives, and it goes on by its own clock.
	dead, cut bool
	sequence  uint64
	holds     []*simulatedHold
	// fails: all items fail here.
	fails bool
}

// simulatedHold is a lease as a node believes to have it.
type simulatedHold struct {
	node    *simulated
	held    Held
	former  bool
	pending []simulatedItem
	until   time.Duration
	ended   bool
}

// simulatedGrant is a grant of a generation. A node puts in place what it was granted until a time, and asks again for the rest. loose: its
// node was lost since, or its coordinator.
type simulatedGrant struct {
	hold       *simulatedHold
	generation uint64
	until      time.Duration
	loose      bool
}

func (g simulatedGrant) lives(w *world) bool {
	if g.hold == nil || (g.loose || g.generation < w.generation) && g.until <= w.now {
		return false
	}
	return g.hold.alive(w.now)
}

// loosen notes that a node was lost.
func (w *world) loosen(n *simulated) {
	for text, g := range w.granted {
		if g.hold.node == n {
			g.loose = true
			w.granted[text] = g
		}
	}
}

type simulatedItem struct {
	number  uint64
	text    string
	granted bool
}

func (h *simulatedHold) alive(now time.Duration) bool {
	return !h.node.dead && !h.ended && h.until > now
}

func (w *world) start(died time.Duration) {
	w.generation++
	options := BookOptions{Generation: w.generation, LeaseTime: simulatedLease, GrantTime: simulatedGrantTime}
	if w.generation > 1 {
		options.Quiet = died + simulatedGrantTime
	}
	w.book = NewBook(options)
	w.book.At(w.now)
	w.queue, w.published, w.listed, w.numbers, w.history = nil, nil, 0, map[uint64]string{}, nil
}

// unfinished are the items that a listing has: those without an outcome. Every start may number them otherwise.
func (w *world) list(n int) {
	number := uint64(len(w.numbers)) + 7*w.generation
	var lines []string
	for ; w.listed < len(w.items) && len(lines) < n; w.listed++ {
		if text := w.items[w.listed]; w.outcomes[text] == 0 {
			w.numbers[number+uint64(len(lines))] = text
			lines = append(lines, text)
		}
	}
	if len(lines) > 0 {
		err := w.book.Add(backbones.Block{Encoding: backbones.JSONLines, Count: len(lines), First: number, Payload: []byte(strings.Join(lines, "\n"))})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if w.listed == len(w.items) {
		w.book.End()
	}
}

// see takes what the Book wants done.
func (w *world) see() {
	e := w.book.Take()
	for _, o := range e.Outcomes {
		for _, spans := range [][]backbones.Span{o.Done, o.Skipped} {
			for _, s := range spans {
				for i := range s.Count {
					w.outcome(s.First + uint64(i))
				}
			}
		}
		for _, f := range o.Failed {
			if f.Item != w.numbers[f.Number] {
				w.t.Fatalf("the failure of %s names %s", w.numbers[f.Number], f.Item)
			}
			w.outcome(f.Number)
		}
	}
	w.queue = slices.DeleteFunc(w.queue, func(l Lease) bool { return slices.Contains(e.Done, l.ID) })
	w.check()
}

func (w *world) outcome(number uint64) {
	text, ok := w.numbers[number]
	if !ok {
		w.t.Fatalf("an outcome of item %d, which was not listed", number)
	}
	if w.outcomes[text]++; w.outcomes[text] > 1 {
		w.t.Fatalf("%s has a second outcome", text)
	}
}

// check checks what must always hold.
func (w *world) check() {
	b := w.book
	works, left, bytes, offered, withheld := map[*work]bool{}, 0, 0, 0, 0
	note := func(k *work) {
		if !works[k] && (k.left > 0 || k.withheld > 0) {
			works[k] = true
			left += k.left
			bytes += k.bytes
			withheld += k.withheld
		}
	}
	perNode := map[*member]int{}
	for id, l := range b.loans {
		if l.id != id || !slices.Contains(l.work.loans, l) {
			w.t.Fatalf("lease %d is not among those of its items", id)
		}
		note(l.work)
		if l.node == nil {
			offered++
		} else {
			perNode[l.node]++
		}
	}
	for _, k := range append(slices.Clone(b.again), b.suspects...) {
		note(k)
	}
	if len(perNode) != b.holders {
		w.t.Fatalf("%d nodes have leases, and %d are counted", len(perNode), b.holders)
	}
	for _, m := range b.members {
		if perNode[m] != m.loans {
			w.t.Fatalf("%s has %d leases, and %d are counted", m.Name, perNode[m], m.loans)
		}
		for _, k := range m.withheld {
			note(k.work)
		}
	}
	if len(works) != b.works || left != b.left || bytes != b.bytes || offered != b.offered || withheld != b.withheld {
		w.t.Fatalf("works %d left %d bytes %d offered %d withheld %d, counted %d %d %d %d %d",
			len(works), left, bytes, offered, withheld, b.works, b.left, b.bytes, b.offered, b.withheld)
	}
	for k := range works {
		if len(k.loans) > 2+len(w.nodes) || k.left > 0 && len(k.loans) == 0 && !k.queued {
			w.t.Fatalf("items are stranded: %d of them have no lease", k.left)
		}
		if want := k.count - k.settled.size(); want != k.left {
			w.t.Fatalf("%d items have no outcome, and %d are counted", want, k.left)
		}
	}
	if len(b.loans) > maxOpen || b.bytes > maxOpenBytes {
		w.t.Fatalf("%d leases of %d bytes are open", len(b.loans), b.bytes)
	}
}

func (w *world) publish() {
	for {
		l, ok := w.book.Next()
		if !ok {
			break
		}
		w.queue = append(w.queue, l)
		w.published = append(w.published, l)
	}
	w.see()
}

func (w *world) pass(d time.Duration) {
	w.age(d)
	w.book.At(w.now)
	w.see()
}

// age lets time pass for the nodes.
func (w *world) age(d time.Duration) {
	w.now += d
	for _, n := range w.nodes {
		for _, h := range n.holds {
			if h.until <= w.now {
				h.ended = true
			}
		}
		n.holds = slices.DeleteFunc(n.holds, func(h *simulatedHold) bool { return h.ended })
	}
}

// join adds a node, or has one join again.
func (w *world) join(name string) *simulated {
	for _, n := range w.nodes {
		if n.name == name {
			// The name is another process's now.
			n.cut, n.name = true, ""
			w.loosen(n)
		}
		if n.was == name {
			w.loosen(n)
		}
	}
	w.pids++
	n := &simulated{name: name, pid: w.pids}
	w.nodes = append(w.nodes, n)
	w.book.Joined(Node{Name: name, Host: "h", PID: n.pid, Workers: 2})
	w.see()
	return n
}

// deliver delivers a lease. lost: the answer to the claim does not arrive.
func (w *world) deliver(n *simulated, l Lease, epoch uint64, lost bool) {
	held := Held{Generation: l.Generation, ID: l.ID, Epoch: epoch}
	if slices.ContainsFunc(n.holds, func(h *simulatedHold) bool { return h.held.ID == l.ID && h.held.Generation == l.Generation }) {
		// A node does not claim what it has.
		return
	}
	answer := w.book.Claim(Claim{Node: n.name, Held: held})
	w.see()
	if answer.Refused != "" || lost {
		return
	}
	h := &simulatedHold{node: n, held: held, until: w.now + answer.For}
	skip := map[uint64]bool{}
	for _, s := range answer.Skip {
		for i := range s.Count {
			skip[s.First+uint64(i)] = true
		}
	}
	for _, b := range l.Blocks {
		for i := range b.Count {
			if number := b.First + uint64(i); !skip[number] {
				h.pending = append(h.pending, simulatedItem{number: number, text: string(text(&b, i))})
			}
		}
	}
	n.holds = append(n.holds, h)
}

func keyText(s string) (k uint64) {
	b := backbones.Block{Count: 1, Payload: []byte(s)}
	return key(&b, 0)
}

// ask asks for the commit of the first of a hold's items.
func (w *world) ask(h *simulatedHold) {
	if len(h.pending) == 0 {
		return
	}
	item := &h.pending[0]
	a := Ask{Node: h.node.name, Held: h.held, Items: []backbones.Span{{First: item.number, Count: 1}}}
	if h.former {
		a.Keys = []uint64{keyText(item.text)}
	}
	g := w.book.Grant(a)
	w.see()
	switch {
	case g.Later:
	case len(g.Items) == 0:
		h.pending = h.pending[1:]
	default:
		if before := w.granted[item.text]; before.hold != h && before.lives(w) {
			w.t.Fatalf("%s was granted to %s, while the grant to %s lives", item.text, h.node.name, before.hold.node.name)
		}
		w.granted[item.text] = simulatedGrant{hold: h, generation: w.generation, until: w.now + simulatedGrantTime}
		item.granted = true
	}
}

// report reports outcomes of up to n items of a hold. lost: the answer does not arrive.
func (w *world) report(h *simulatedHold, n int, ends, lost bool) {
	n = min(n, len(h.pending))
	p := Progress{Held: h.held, Moved: true, Outcomes: backbones.Outcomes{Worker: "w0", Mean: time.Second}}
	for _, item := range h.pending[:n] {
		if h.node.fails {
			p.Outcomes.Failed = append(p.Outcomes.Failed, backbones.FailedItem{Number: item.number, Failure: backbones.Failure{Kind: backbones.KindError, Message: "no"}})
		} else {
			p.Outcomes.Done = append(p.Outcomes.Done, backbones.Span{First: item.number, Count: 1})
		}
	}
	rest := h.pending[n:]
	p.Ended = ends || len(rest) == 0
	if h.former {
		for _, item := range h.pending {
			p.Keys = append(p.Keys, keyText(item.text))
		}
	}
	h.node.sequence++
	r := Report{Node: h.node.name, Sequence: h.node.sequence, Leases: []Progress{p}, Workers: 2}
	w.history = append(w.history, r)
	answer := w.book.Report(r)
	w.see()
	if lost {
		// It is sent again, as it was.
		answer = w.book.Report(r)
		w.see()
	}
	h.pending = rest
	for _, held := range answer.Renewed {
		if held == h.held {
			h.until = w.now + simulatedLease
		}
	}
	if answer.Quarantined != "" {
		// It may be at what it was granted.
		h.node.cut, h.node.name, h.node.was = true, "", h.node.name
	}
	if p.Ended || slices.Contains(answer.Lost, h.held) {
		h.ended = true
		h.node.holds = slices.DeleteFunc(h.node.holds, func(o *simulatedHold) bool { return o == h })
	}
}

func (w *world) alive() (all []*simulated) {
	for _, n := range w.nodes {
		if !n.dead && !n.cut {
			all = append(all, n)
		}
	}
	return all
}

func (w *world) restart(after time.Duration) {
	died := w.now
	w.age(after)
	for _, n := range w.nodes {
		for _, h := range n.holds {
			h.former = true
		}
	}
	w.start(died)
	for _, n := range w.alive() {
		w.book.Joined(Node{Name: n.name, Host: "h", PID: n.pid, Workers: 2})
	}
	w.see()
}

// Whatever happens, each item has one outcome in the end, no lease is stranded, and no item is granted to two nodes that live.
func TestBookKeepsEveryItem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, outcomes: map[string]int{}, granted: map[string]simulatedGrant{}}
		for i := range rapid.IntRange(0, 60).Draw(t, "items") {
			w.items = append(w.items, fmt.Sprintf(`{"i":%d}`, i))
		}
		w.start(0)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			nodes := w.alive()
			var n *simulated
			var h *simulatedHold
			if len(nodes) > 0 {
				n = rapid.SampledFrom(nodes).Draw(t, "node")
				if len(n.holds) > 0 {
					h = rapid.SampledFrom(n.holds).Draw(t, "hold")
				}
			}
			switch act := rapid.IntRange(0, 23).Draw(t, "act"); {
			case act == 0:
				w.join(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")).fails = rapid.IntRange(0, 4).Draw(t, "fails") == 0
			case act == 1:
				w.list(rapid.IntRange(1, 20).Draw(t, "list"))
			case act == 2:
				w.publish()
			case act <= 6 && n != nil && len(w.queue) > 0:
				w.deliver(n, rapid.SampledFrom(w.queue).Draw(t, "lease"), rapid.Uint64Range(1, 3).Draw(t, "epoch"), rapid.IntRange(0, 9).Draw(t, "lost") == 0)
			case act == 22 && n != nil && len(w.published) > 0:
				// It was delivered before, and arrives once more.
				w.deliver(n, rapid.SampledFrom(w.published).Draw(t, "repeated"), rapid.Uint64Range(1, 3).Draw(t, "epoch"), false)
			case act <= 9 && h != nil:
				w.ask(h)
			case act <= 14 && h != nil:
				w.report(h, rapid.IntRange(0, 5).Draw(t, "done"), rapid.IntRange(0, 9).Draw(t, "ends") == 0, rapid.IntRange(0, 5).Draw(t, "lost") == 0)
			case act == 15:
				w.pass(time.Duration(rapid.IntRange(0, 12).Draw(t, "seconds")) * time.Second)
			case act == 16 && n != nil:
				lost := rapid.Bool().Draw(t, "said nothing")
				w.loosen(n)
				n.dead, n.cut = !lost, lost
				w.book.Left(n.name, lost)
				w.see()
			case act == 21:
				for _, n := range w.nodes {
					if n.cut && n.name != "" {
						n.cut = false
						w.book.Joined(Node{Name: n.name, Host: "h", PID: n.pid, Workers: 2})
						w.see()
					}
				}
			case act == 17:
				w.queue = nil
				w.book.QueueLost()
				w.see()
			case act == 18 && len(w.history) > 0:
				w.book.Report(rapid.SampledFrom(w.history).Draw(t, "old"))
				w.see()
			case act == 19 && rapid.IntRange(0, 3).Draw(t, "restart") == 0:
				w.restart(time.Duration(rapid.IntRange(0, 9).Draw(t, "down")) * time.Second)
			case act == 20 && len(w.queue) > 0:
				w.book.Unpublished(rapid.SampledFrom(w.queue).Draw(t, "unpublished").ID)
				w.see()
			}
		}
		w.calm()
	})
}

// calm lets good nodes do the rest.
func (w *world) calm() {
	for _, n := range w.nodes {
		n.cut = true
	}
	good := []*simulated{w.join("x"), w.join("y")}
	for range 1000 {
		w.list(10)
		w.publish()
		for _, l := range slices.Clone(w.queue) {
			w.deliver(good[int(l.ID)%2], l, 9, false)
		}
		for _, n := range good {
			for _, h := range slices.Clone(n.holds) {
				w.ask(h)
				w.report(h, 3, false, false)
			}
		}
		if w.book.Finished() {
			break
		}
		w.pass(time.Second)
	}
	if !w.book.Finished() {
		w.t.Fatalf("it does not finish: %d left, %d lent, %d open", w.book.left, w.book.Lent(), w.book.Open())
	}
	for _, text := range w.items {
		if w.outcomes[text] != 1 {
			w.t.Fatalf("%s has %d outcomes", text, w.outcomes[text])
		}
	}
	if len(w.book.loans)+len(w.book.lapsed)+w.book.bytes > 0 {
		w.t.Fatalf("something is left: %d leases, %d lapsed, %d bytes", len(w.book.loans), len(w.book.lapsed), w.book.bytes)
	}
}
