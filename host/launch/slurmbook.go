package launch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

const (
	// early is the life of a node within which its end counts as a failed start, maxEarly how many of those end the launch.
	early    = time.Minute
	maxEarly = 3
)

// element is one node that was asked for: an element of an array.
type element struct {
	// key is BATCH-INDEX: the call of sbatch, not the job's number, which Slurm may use again.
	key string
	// confirmed: Slurm has said that it has the element.
	confirmed bool
	state     string
	reason    string
	node      string
	used      time.Duration
	over      bool
	// survived: it was seen alive when it was older than early.
	survived bool
	// mark is the text of the last mark of its node, begun that there was one since it was queued, begunBefore that when squeue was asked.
	mark               string
	begun, begunBefore bool
}

// book keeps the elements of a launch, by what squeue and the nodes' marks say.
type book struct {
	elements map[string]*element
	// jobs has the batch of an array's number, as sbatch has told it: a site may replace comments.
	jobs map[string]string
	// deaths are the keys of the nodes that died early, since one survived.
	deaths []string
	// tell is called for each event.
	tell func(text string, about ...any)
}

func newBook(tell func(string, ...any)) *book {
	return &book{elements: map[string]*element{}, jobs: map[string]string{}, tell: tell}
}

// submitted adds the elements of a call of sbatch. job is the number that it printed; empty: the reply was lost.
func (b *book) submitted(batch, job string, n int) {
	if job != "" {
		b.jobs[job] = batch
	}
	for i := range n {
		key := fmt.Sprintf("%s-%d", batch, i)
		b.elements[key] = &element{key: key, confirmed: job != "", state: "PENDING"}
	}
}

// key is the element of a row.
func (b *book) key(r row) string {
	// The run's ID is another one when the run was resumed meanwhile.
	if rest, is := strings.CutPrefix(r.comment, commentStart); is {
		return rest[strings.LastIndex(rest, " ")+1:] + "-" + r.index
	}
	return cmp.Or(b.jobs[r.job], "job"+r.job) + "-" + r.index
}

// asking is to be called before squeue is asked: what it prints is older than marks that are read later.
func (b *book) asking() {
	for _, e := range b.elements {
		e.begunBefore = e.begun
	}
}

// seen takes in what squeue printed after everything that was submitted.
func (b *book) seen(rows []row) {
	there := map[string]bool{}
	for _, r := range rows {
		key := b.key(r)
		there[key] = true
		e := b.elements[key]
		harmless, isOver := ended[r.state]
		if e == nil {
			// Of an earlier launch by the same command. This launch ignores those that are over.
			if isOver {
				continue
			}
			e = &element{key: key}
			b.elements[key] = e
			b.tell("a node of an earlier launch is taken over", "node", key, "state", r.state)
		}
		b.update(e, r, isOver, harmless)
	}
	for _, key := range slices.Sorted(maps.Keys(b.elements)) {
		e := b.elements[key]
		switch {
		case there[key] || e.over:
		case !e.confirmed:
			// sbatch did not answer, and Slurm has nothing.
			delete(b.elements, key)
		case !e.begun:
			e.over = true
			b.tell("Slurm does not know a node any more, which had not begun", "node", key)
		default:
			b.end(e, "gone", e.survived, e.used)
		}
	}
}

func (b *book) update(e *element, r row, isOver, harmless bool) {
	e.confirmed = true
	switch {
	case r.state == "PENDING" && e.begunBefore:
		e.over, e.begun = false, false
		b.tell("Slurm has queued a node again", "node", e.key)
	case e.over:
		return
	}
	if r.reason != e.reason && r.state == "PENDING" && r.reason != "None" {
		b.tell("a node waits", "node", e.key, "reason", r.reason)
	}
	e.state, e.reason, e.node, e.used = r.state, r.reason, cmp.Or(r.node, e.node), r.used
	switch {
	case isOver:
		b.end(e, r.state, harmless, r.used)
	case r.state == "RUNNING" && r.used >= early && !e.survived:
		e.survived = true
		b.deaths = nil
	}
}

// marked takes in the mark of an element's node and its text.
func (b *book) marked(key string, m marked, text string) {
	e := b.elements[key]
	if e == nil || text == e.mark {
		return
	}
	e.mark, e.confirmed = text, true
	// A node that begins writes a mark without an exit code; so does another one of an element that was queued again.
	if !e.begun || m.Exit == nil {
		e.begun, e.over = true, false
		b.tell("a node has begun", "node", key, "host", m.Host)
	}
	if m.Exit != nil && !e.over {
		b.end(e, fmt.Sprintf("exit code %d", *m.Exit), *m.Exit == exitcode.OK || *m.Exit == exitcode.Interrupted, time.Duration(m.Seconds*float64(time.Second)))
	}
}

// end notes that an element is over.
func (b *book) end(e *element, how string, harmless bool, lived time.Duration) {
	e.over = true
	b.tell("a node has ended", "node", e.key, "how", how, "after", lived.Round(time.Second))
	if !harmless && lived < early {
		b.deaths = append(b.deaths, e.key)
	}
}

// live is how many elements wait or run.
func (b *book) live() (n int) {
	for _, e := range b.elements {
		if !e.over {
			n++
		}
	}
	return n
}

// open are the keys of the elements that wait or run.
func (b *book) open() (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(b.elements)) {
		if !b.elements[key].over {
			keys = append(keys, key)
		}
	}
	return keys
}

// unconfirmed reports whether a reply of sbatch was lost and squeue has not told yet what came of it.
func (b *book) unconfirmed() bool {
	for _, e := range b.elements {
		if !e.confirmed && !e.over {
			return true
		}
	}
	return false
}

// unsubmitted reports whether Slurm has never had an element.
func (b *book) unsubmitted() bool { return len(b.elements) == 0 }

// dropWaiting takes those that have not begun for over.
func (b *book) dropWaiting() {
	for _, e := range b.elements {
		if !e.begun {
			e.over = true
		}
	}
}
