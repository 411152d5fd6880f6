package mp

import (
	"container/heap"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// The limits of what may wait for another try. Beyond them, no new items are sent: memory must not grow if everything fails.
const (
	maxWaiting      = 1 << 16
	maxWaitingBytes = 64 << 20
)

// waiter is an item that has failed and is tried again.
type waiter struct {
	// due is the time of its next try, since the run's start.
	due time.Duration
	// item is a part of one item, with memory of its own.
	item     backbones.Part
	failures int
	alone    bool
}

// waiting has the items that are tried again: later ones, and those that are due.
type waiting struct {
	later later
	due   []waiter
	// alone are due, and each needs a worker of its own.
	alone []waiter
	bytes int
}

func (w *waiting) items() int { return len(w.later) + len(w.due) + len(w.alone) }

func (w *waiting) full() bool { return w.items() >= maxWaiting || w.bytes >= maxWaitingBytes }

func (w *waiting) add(one waiter) {
	one.item.Block = one.item.Block.Detached()
	w.bytes += len(one.item.Block.Payload)
	heap.Push(&w.later, one)
}

// ripen moves the items that are due at a time.
func (w *waiting) ripen(now time.Duration) {
	for len(w.later) > 0 && w.later[0].due <= now {
		one, _ := heap.Pop(&w.later).(waiter)
		if one.alone {
			w.alone = append(w.alone, one)
		} else {
			w.due = append(w.due, one)
		}
	}
}

// next is the time at which the next item is due.
func (w *waiting) next() (time.Duration, bool) {
	if len(w.later) == 0 {
		return 0, false
	}
	return w.later[0].due, true
}

// cut makes a job of up to n due items, ending early once they have maxBytes.
func (w *waiting) cut(n, maxBytes int) (j job) {
	size := 0
	for j.count < n && j.count < len(w.due) && (j.count == 0 || size < maxBytes) {
		one := w.due[j.count]
		j.parts = append(j.parts, one.item)
		j.failures = append(j.failures, one.failures)
		size += len(one.item.Block.Payload)
		j.count++
	}
	clear(w.due[:j.count])
	if w.due = w.due[j.count:]; len(w.due) == 0 {
		w.due = nil
	}
	w.bytes -= size
	return j
}

// takeAlone makes jobs of the items that need a worker of their own.
func (w *waiting) takeAlone() (jobs []job) {
	for _, one := range w.alone {
		w.bytes -= len(one.item.Block.Payload)
		jobs = append(jobs, job{parts: []backbones.Part{one.item}, count: 1, alone: true, failures: []int{one.failures}})
	}
	w.alone = nil
	return jobs
}

// later is a heap: the earliest first, then the lowest number.
type later []waiter

func (l later) Len() int { return len(l) }
func (l later) Less(i, j int) bool {
	if l[i].due != l[j].due {
		return l[i].due < l[j].due
	}
	return l[i].item.Block.First+uint64(l[i].item.Skip) < l[j].item.Block.First+uint64(l[j].item.Skip)
}
func (l later) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// order makes a heap of it again.
func (l *later) order() { heap.Init(l) }

// Push implements heap.Interface.
func (l *later) Push(x any) {
	one, _ := x.(waiter)
	*l = append(*l, one)
}

// Pop implements heap.Interface.
func (l *later) Pop() any {
	last := len(*l) - 1
	one := (*l)[last]
	(*l)[last] = waiter{}
	*l = (*l)[:last]
	return one
}
