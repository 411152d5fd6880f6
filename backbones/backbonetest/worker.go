// Package backbonetest is the suite that every backbone passes. Its workers run in this process and follow a script, which may let
// them die or break the protocol. The host's own tests run real processes.
package backbonetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Act is what a worker does at an item.
type Act int

// What a worker can do at an item.
const (
	Do Act = iota
	Skip
	Fail
	// Die ends the worker in the middle of the item.
	Die
	// Hang keeps the worker on the item until it is killed.
	Hang
	// Lie answers the item's chunk twice.
	Lie
	// Forget does the item without writing its output.
	Forget
)

// Script decides what happens at an item; attempt counts from 1 over all workers.
type Script func(item string, attempt int) Act

// Crew starts scripted workers and records what they were given.
type Crew struct {
	T testing.TB
	// Script is asked at each item; nil: Do.
	Script Script
	// Beats gives the workers heartbeat pages.
	Beats bool
	// FailStart returns the error of a start, which counts from 1; may be nil.
	FailStart func(start int) error
	// Parting returns how a worker ends after its last request, given the number of its start; nil: it closes its task.
	Parting func(start int, killed <-chan struct{}) backbones.Exit
	// Hung receives a value when a worker hangs; may be nil.
	Hung chan struct{}

	mu       sync.Mutex
	attempts map[string]int
	order    []string
	starts   int
	// most is the most items that one worker has begun.
	most  int
	alive sync.WaitGroup
}

// Start implements backbones.Starter.
func (c *Crew) Start(context.Context, int) (backbones.Worker, error) {
	s, err := start[backbones.Chunk, backbones.Result](c)
	if err != nil {
		return nil, err
	}
	w := &worker{scripted: s, beats: make([]backbones.Beat, backbones.MaxInFlight)}
	go w.work(w.chunk)
	return w, nil
}

// Starts returns the number of workers that were started.
func (c *Crew) Starts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts
}

// Wait returns when every worker is gone.
func (c *Crew) Wait() { c.alive.Wait() }

// scripted is a worker that follows its crew's script.
type scripted[Q, A any] struct {
	crew         *Crew
	start        int
	requests     chan Q
	results      chan A
	finish, kill sync.Once
	killed       chan struct{}
	// begun counts items; the crew's lock guards it.
	begun int
	// exit is set before results is closed.
	exit backbones.Exit
}

func start[Q, A any](c *Crew) (*scripted[Q, A], error) {
	c.mu.Lock()
	c.starts++
	w := &scripted[Q, A]{
		crew: c, start: c.starts, killed: make(chan struct{}),
		requests: make(chan Q, backbones.MaxInFlight), results: make(chan A, backbones.MaxInFlight),
	}
	c.mu.Unlock()
	if c.FailStart != nil {
		if err := c.FailStart(w.start); err != nil {
			return nil, err
		}
	}
	c.alive.Add(1)
	return w, nil
}

func (w *scripted[Q, A]) Send(request Q) error {
	select {
	case w.requests <- request:
		return nil
	default:
		w.crew.T.Errorf("a worker was sent more than %d requests at a time", backbones.MaxInFlight)
		return fmt.Errorf("full")
	}
}

func (w *scripted[Q, A]) Results() <-chan A    { return w.results }
func (w *scripted[Q, A]) Finish()              { w.finish.Do(func() { close(w.requests) }) }
func (w *scripted[Q, A]) Kill()                { w.kill.Do(func() { close(w.killed) }) }
func (w *scripted[Q, A]) Name() string         { return fmt.Sprintf("pid %d", w.PID()) }
func (w *scripted[Q, A]) PID() int             { return 1000 + w.start }
func (w *scripted[Q, A]) Exit() backbones.Exit { return w.exit }

// work calls do with each request until the worker is told to finish, is killed, or dies: do then returns false.
func (w *scripted[Q, A]) work(do func(Q) bool) {
	defer w.crew.alive.Done()
	defer close(w.results)
	for {
		select {
		case <-w.killed:
			w.exit = killedExit
			return
		case request, ok := <-w.requests:
			switch {
			case !ok && w.crew.Parting != nil:
				w.exit = w.crew.Parting(w.start, w.killed)
				return
			case !ok:
				w.exit = backbones.Exit{Ended: true}
				return
			case !do(request):
				w.exit = backbones.Exit{Code: -1, Signal: syscall.SIGSEGV}
				return
			}
		}
	}
}

var killedExit = backbones.Exit{Code: -1, Signal: syscall.SIGKILL, ByHost: true}

// begin asks the script about an item. alive is false when the worker died of it.
func (w *scripted[Q, A]) begin(item string) (act Act, alive bool) {
	switch act = w.crew.begin(&w.begun, item); act {
	case Die:
		return act, false
	case Hang:
		select {
		case w.crew.Hung <- struct{}{}:
			<-w.killed
		case <-w.killed:
		}
		return act, false
	}
	return act, true
}

func (c *Crew) begin(begun *int, item string) Act {
	c.mu.Lock()
	defer c.mu.Unlock()
	*begun++
	c.most = max(c.most, *begun)
	if c.attempts == nil {
		c.attempts = map[string]int{}
	}
	c.attempts[item]++
	c.order = append(c.order, item)
	if c.Script == nil {
		return Do
	}
	return c.Script(item, c.attempts[item])
}

// answer sends an answer so many times; false: the worker was killed.
func (w *scripted[Q, A]) answer(answer A, times int) bool {
	for range times {
		select {
		case w.results <- answer:
		case <-w.killed:
			return false
		}
	}
	return true
}

type worker struct {
	*scripted[backbones.Chunk, backbones.Result]
	mu    sync.Mutex
	beats []backbones.Beat
}

func (w *worker) Beats() []backbones.Beat {
	if !w.crew.Beats {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.beats)
}

// chunk works on a chunk; false: the worker is dead.
func (w *worker) chunk(c backbones.Chunk) bool {
	r := backbones.Result{ChunkID: c.ID, Count: c.Count, Busy: 1000}
	outcomes := make([]byte, c.Count)
	times := 1
	for i, item := range items(c.Parts) {
		w.beat(c, i, outcomes)
		act, alive := w.begin(item)
		if !alive {
			return false
		}
		switch act {
		case Skip:
			outcomes[i] = backbones.OutcomeSkipped
			r.Skipped = append(r.Skipped, backbones.Range{First: i, Count: 1})
		case Fail:
			outcomes[i] = backbones.OutcomeFailed
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: i, Failure: failureOf(item)})
		case Lie:
			times = 2
		case Forget:
			r.Unwritten = backbones.Unwritten{Count: r.Unwritten.Count + 1, Expected: item}
		}
	}
	w.beat(c, c.Count, outcomes)
	return w.answer(r, times)
}

func (w *worker) beat(c backbones.Chunk, index int, outcomes []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats[c.Slot] = backbones.Beat{ChunkID: c.ID, Index: index, Outcomes: slices.Clone(outcomes[:index])}
}

func failureOf(item string) backbones.Failure {
	return backbones.Failure{Kind: backbones.KindError, Message: "scripted failure of " + item}
}

// items splits parts into items as a worker does.
func items(parts []backbones.Part) []string {
	var out []string
	for _, p := range parts {
		lines := strings.Split(string(p.Block.Payload), "\n")
		out = append(out, lines[p.Skip:p.Skip+p.Take]...)
	}
	return out
}
