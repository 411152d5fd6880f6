package lease

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// member is the Book's record of a node.
type member struct {
	Node
	// loans is the number of its leases, lapsed that of leases that it did not renew in time.
	loans, lapsed int
	// gone: it has left. lost: its connection was lost, or it was silent for too long.
	gone, lost            bool
	busy                  int
	done, skipped, failed int64
	work                  time.Duration
	// sequence is that of its last report.
	sequence uint64
	heard    time.Time
	// turned is when the last of its leases was finished.
	turned time.Duration
	// withheld are failures that may be the node's fault: nothing has succeeded there yet.
	withheld    []withheld
	quarantined string
	// lent: it has had a lease.
	lent bool
	// refused: it cannot work on the run.
	refused bool
}

// withheld is failures of items of one work.
type withheld struct {
	work     *work
	outcomes backbones.Outcomes
}

// probation is how many items may fail on a node without a success until the node is judged.
const probation = 8

// working reports whether a node is present and gets leases.
func (m *member) working() bool { return !m.gone && !m.lost && m.quarantined == "" }

func (m *member) idle() bool { return m.working() && m.loans == 0 }

// announced reports whether Joined has told of the node.
func (m *member) announced() bool { return m.PID != 0 || m.Session != "" }

func (m *member) succeeded() bool { return m.done+m.skipped > 0 }

// member is the node with a name, which exists from its first message on.
func (b *Book) member(name string) *member {
	m := b.members[name]
	if m == nil {
		m = &member{Node: Node{Name: name, Workers: 1}}
		b.members[name] = m
		b.fleetNow.counted = false
	}
	if m.gone || m.lost {
		if m.lost {
			b.back(m)
		}
		m.gone, m.lost = false, false
		b.fleetNow.counted = false
	}
	return m
}

// back gives a lost node that is heard again the usual time for what it still has.
func (b *Book) back(m *member) {
	if !b.stopped {
		b.notices.tell(b.now, isBack, hclog.Info, "a lost node is back", "node", m.Name)
	}
	for _, l := range b.loansOf(m) {
		l.until = b.now + b.o.LeaseTime
	}
}

// Joined records that a node is present, for the first time or again.
func (b *Book) Joined(node Node) {
	old := b.members[node.Name]
	fresh := old == nil || !old.announced()
	if !fresh && (old.Session != node.Session || old.PID != node.PID || old.Host != node.Host) {
		// Another process under the same name. The former one keeps its leases until they lapse, because it may still work on them.
		if !old.gone {
			b.Left(node.Name, true)
		}
		b.former.left(b, old)
		delete(b.members, node.Name)
		for n := 1; old.Name == node.Name || b.members[old.Name] != nil; n++ {
			old.Name = fmt.Sprintf("%s (earlier %d)", node.Name, n)
		}
		b.members[old.Name] = old
		fresh = true
	}
	m := b.member(node.Name)
	m.Node = node
	b.fleetNow.counted = false
	b.setWorkers(m, node.Workers)
	if fresh && !node.Own && !b.stopped {
		b.notices.tell(b.now, hasJoined, hclog.Info, "a node has joined", "node", node.Name, "workers", m.Workers)
	}
}

// maxWorkers bounds the workers that a node counts for: the sizes of all leases depend on the number of workers.
const maxWorkers = 4096

func (b *Book) setWorkers(m *member, n int) {
	if n = min(max(n, 0), maxWorkers); n != m.Workers {
		m.Workers = n
		b.fleetNow.counted = false
	}
}

// Left records that a node has gone, with a goodbye or lost. Leases of a lost one are lent again: at once those without a grant, the others once
// their grants are over. A node that comes back continues with those that are unclaimed.
func (b *Book) Left(name string, lost bool) {
	m := b.members[name]
	if m == nil {
		return
	}
	known := m.lost
	m.lost, m.gone, m.busy = lost, true, 0
	b.fleetNow.counted = false
	if lost {
		if !known && !b.stopped && !b.Finished() {
			b.notices.tell(b.now, isLost, hclog.Warn, "a node is lost: others do what it had", "node", name, "items", b.has(m))
			b.blame(m)
		}
		for _, l := range b.loansOf(m) {
			if l.until = min(l.until, l.asked+b.o.GrantTime); l.granted == nil || l.until <= b.now {
				b.lapse(l)
			}
		}
		b.former.lost(m)
		return
	}
	if !m.Own && !m.refused && !b.stopped && !b.Finished() {
		b.notices.tell(b.now, hasLeft, hclog.Info, "a node has left", "node", name, "done", m.done, "skipped", m.skipped, "failed", m.failed)
	}
	for _, l := range b.loansOf(m) {
		b.drop(l)
	}
	b.former.left(b, m)
	if m.refused {
		delete(b.members, name)
	}
}

// Refused records why a node cannot work on the run. One that has joined leaves next, and is forgotten.
func (b *Book) Refused(name, why string) {
	m := b.members[name]
	if m != nil && (m.loans > 0 || m.succeeded() || m.failed > 0 || m.gone) {
		return
	}
	if m != nil {
		m.refused = true
	}
	b.notices.tell(b.now, isRefused, hclog.Warn, "a node cannot work on the run", "node", name, "why", why)
}

// has is the number of items without an outcome that a node has.
func (b *Book) has(m *member) (items int) {
	for _, l := range b.loansOf(m) {
		items += l.work.left
	}
	return items
}

// inFlight is the number of items without an outcome that nodes have, and of those nodes.
func (b *Book) inFlight() (items, nodes int) {
	for _, m := range b.members {
		if n := b.has(m); n > 0 {
			items += n
			nodes++
		}
	}
	return items, nodes
}

// Heard records the time of a node's last message.
func (b *Book) Heard(name string, at time.Time) {
	if m := b.members[name]; m != nil {
		m.heard = at
	}
}

func (b *Book) loansOf(m *member) (loans []*loan) {
	for _, l := range b.loans {
		if l.node == m {
			loans = append(loans, l)
		}
	}
	return loans
}

// fleet counts the working nodes, again after each change.
type fleet struct {
	counted                   bool
	nodes, workers, succeeded int
}

func (b *Book) fleet() *fleet {
	if !b.fleetNow.counted {
		f := fleet{counted: true}
		for _, m := range b.members {
			if m.working() {
				f.nodes++
				f.workers += m.Workers
				if m.succeeded() {
					f.succeeded++
				}
			}
		}
		b.fleetNow = f
	}
	return &b.fleetNow
}

// count counts a lease that a node has got (1) or lost (-1).
func (b *Book) count(m *member, by int) {
	had := m.loans > 0
	if m.loans += by; had != (m.loans > 0) {
		b.holders += by
	}
}

// others reports whether another node is present, and whether an item has succeeded on one.
func (b *Book) others(m *member) (there, succeeded bool) {
	f := *b.fleet()
	if m.working() {
		f.nodes--
		if m.succeeded() {
			f.succeeded--
		}
	}
	return f.nodes > 0, f.succeeded > 0
}

// failedOn records failures on a node. While there are other nodes, failures of a node without a success are kept back: they may be its own
// fault.
func (b *Book) failedOn(m *member, w *work, out backbones.Outcomes) {
	m.failed += int64(len(out.Failed))
	if there, _ := b.others(m); m.succeeded() || !there || m.failed > 2*probation {
		b.say(out)
		return
	}
	w.withheld += len(out.Failed)
	b.withheld += len(out.Failed)
	m.withheld = append(m.withheld, withheld{w, out})
}

// judge decides whose fault the failures on a node are.
func (b *Book) judge(m *member) {
	switch {
	case m.succeeded():
		b.release(m)
	case m.failed >= probation && m.quarantined == "":
		if _, others := b.others(m); others {
			b.quarantine(m)
			return
		}
		b.release(m)
	}
}

// release passes on the withheld failures of a node.
func (b *Book) release(m *member) {
	kept := m.withheld
	m.withheld = nil
	for _, k := range kept {
		b.say(k.outcomes)
		b.withheld -= len(k.outcomes.Failed)
		k.work.withheld -= len(k.outcomes.Failed)
		b.finish(k.work)
	}
}

func (b *Book) releaseAll() {
	for _, m := range b.members {
		b.release(m)
	}
}

// endProbation passes on withheld failures when nothing else is left to do.
func (b *Book) endProbation() {
	if b.withheld > 0 && b.left == 0 && b.cutter.Items == 0 && (b.ended || b.stopped) {
		b.releaseAll()
	}
}

// quarantine gives a node nothing more. Other nodes get its items, also those that failed there.
func (b *Book) quarantine(m *member) {
	m.quarantined = fmt.Sprintf("the first %d items all failed on %s, and items on other nodes succeed", m.failed, m.Name)
	if n := len(m.withheld); n > 0 {
		last := m.withheld[n-1].outcomes.Failed
		m.quarantined += "; the last failure: " + last[len(last)-1].Failure.Message
	}
	b.fleetNow.counted = false
	b.log.Error("a node is quarantined: it gets no more items, and others do those that it has", "node", m.Name, "why", m.quarantined)
	kept := m.withheld
	m.withheld = nil
	for _, k := range kept {
		for _, f := range k.outcomes.Failed {
			if at, _, ok := k.work.position(f.Number); ok {
				k.work.settled.remove(at, 1)
				k.work.left++
				b.left++
			}
		}
		m.failed -= int64(len(k.outcomes.Failed))
		b.withheld -= len(k.outcomes.Failed)
		k.work.withheld -= len(k.outcomes.Failed)
		b.queue(k.work)
	}
	for _, l := range b.loansOf(m) {
		// It may be committing what it was granted.
		if l.granted == nil {
			b.drop(l)
		}
	}
	b.former.left(b, m)
}

// Figures are the figures of all nodes, in the order of their names.
func (b *Book) Figures() []backbones.NodeFigures {
	var all []backbones.NodeFigures
	for _, m := range slices.SortedFunc(maps.Values(b.members), func(a, b *member) int { return cmp.Compare(a.Name, b.Name) }) {
		all = append(all, backbones.NodeFigures{
			Name: m.Name, Host: m.Host, Workers: m.Workers, Busy: m.busy, Leases: m.loans, Done: m.done, Skipped: m.skipped, Failed: m.failed,
			Work: m.work, Since: m.Since, Heard: m.heard, Gone: m.gone, Lost: m.lost, Quarantined: m.quarantined,
		})
	}
	return all
}
