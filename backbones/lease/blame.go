package lease

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// An item may end whole nodes: it uses up the machine's memory, and the system kills the host with all its workers. A lost node is not an attempt of
// the items that it had, and does not report which one it was on. So items that several lost nodes have had are suspects, and a node never has two
// suspects at a time. An item that was the only suspect on further lost nodes is lent no more.
const (
	// suspectAfter is the number of lost nodes after which an item is a suspect, mostLost that after which it fails.
	suspectAfter = 2
	mostLost     = 4
	// suspectPause is how long no suspect is offered after a node with another one was refused it.
	suspectPause = time.Second
)

// lost is the number of nodes that were lost while they had the items of a work, and that did not come back.
func (w *work) lost() (n int) {
	for _, m := range w.lostOn {
		if m.lost {
			n++
		}
	}
	return n
}

func (w *work) suspect() bool { return len(w.lostOn) >= suspectAfter && w.lost() >= suspectAfter }

// blame records that a node was lost with its items.
func (b *Book) blame(m *member) {
	for _, l := range b.loansOf(m) {
		if !slices.Contains(l.work.lostOn, m) {
			l.work.lostOn = append(l.work.lostOn, m)
		}
	}
}

// judgeItems decides what becomes of a suspected work that waits to be offered again.
func (b *Book) judgeItems(w *work) {
	switch {
	case w.count > 1:
		b.splitAll(w)
	case w.lost() >= mostLost:
		b.failLost(w)
	default:
		w.queued = true
		b.suspects = append(b.suspects, w)
	}
}

// splitAll creates a work of each unfinished item.
func (b *Book) splitAll(w *work) {
	b.forgetLapsed(w)
	b.works--
	b.bytes -= w.bytes
	b.left -= w.left
	w.left = 0
	for i, block := range w.blocks {
		ends := block.Ends(nil)
		for within := range block.Count {
			at := w.from[i] + within
			if w.settled.has(at) {
				continue
			}
			one := b.begin([]backbones.Block{lendable(backbones.Part{Block: block.Piece(within, within+1, ends), Take: 1})})
			one.lostOn = slices.Clone(w.lostOn)
			if w.stale != nil && w.stale.has(at) {
				one.stale = newSet(1)
				one.stale.add(0, 1)
			}
			b.queue(one)
		}
	}
}

// failLost fails an item.
func (b *Book) failLost(w *work) {
	var names []string
	for _, m := range w.lostOn {
		if m.lost {
			names = append(names, m.Name)
		}
	}
	item := w.blocks[0].First
	b.say(backbones.Outcomes{Failed: []backbones.FailedItem{w.failed(0, backbones.FailedItem{Number: item, Failure: backbones.Failure{
		Kind: backbones.KindLost, Fault: backbones.FaultTask,
		Message: fmt.Sprintf("%d nodes were lost while they had this item: %s", len(names), strings.Join(names, ", ")),
	}}, names[len(names)-1])}})
	b.settle(w, 0, 1)
	b.finish(w)
}

// nextSuspect is a suspect to offer: at most one for each node.
func (b *Book) nextSuspect() *work {
	if len(b.suspects) == 0 || b.now < b.refused+suspectPause && b.refused > 0 {
		return nil
	}
	open := 0
	for _, l := range b.loans {
		if l.work.suspect() {
			open++
		}
	}
	for len(b.suspects) > 0 && open < max(b.fleet().nodes, 1) {
		w := b.suspects[0]
		b.suspects[0] = nil
		b.suspects = b.suspects[1:]
		w.queued = false
		if w.left > 0 && len(w.loans) == 0 {
			return w
		}
	}
	return nil
}

// hasSuspect reports whether a node has a suspect.
func (b *Book) hasSuspect(m *member) bool {
	return m.loans > 0 && slices.ContainsFunc(b.loansOf(m), func(l *loan) bool { return l.work.suspect() })
}
