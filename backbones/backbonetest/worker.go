// Package backbonetest is the suite that every backbone passes. Its workers run in this process and do what a script
// says, deaths and lies included; real processes are run by the host's own tests.
package backbonetest

import (
	"errors"
	"fmt"
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

// Parting is how a worker ends its Run call when it is told that no more work comes.
type Parting int

// The ways to end a Run call.
const (
	// Leave closes the task and leaves.
	Leave Parting = iota
	// CannotClose says that the task could not be closed, and leaves.
	CannotClose
	// DieClosing ends the worker meanwhile.
	DieClosing
	// HangClosing never ends.
	HangClosing
)

// errClose is what a worker says that cannot close its task.
var errClose = errors.New("scripted failure to close")

// partingExit is how a worker has ended that was told to leave. It waits where the worker does.
func (c *Crew) partingExit(start int, killed <-chan struct{}) backbones.Exit {
	how := Leave
	if c.Parting != nil {
		how = c.Parting(start)
	}
	switch how {
	case CannotClose:
		return backbones.Exit{Ended: true, Close: errClose}
	case DieClosing:
		return backbones.Exit{Code: 7}
	case HangClosing:
		<-killed
		return backbones.Exit{Code: -1, Signal: syscall.SIGKILL, ByHost: true}
	default:
		return backbones.Exit{Ended: true}
	}
}

// Script decides what happens at an item; attempt counts from 1 over all workers.
type Script func(item string, attempt int) Act

// Crew starts scripted workers and remembers what they were given.
type Crew struct {
	T testing.TB
	// Script is asked at each item; nil: Do.
	Script Script
	// Beats gives the workers heartbeat pages.
	Beats bool
	// FailStart is asked at each start; a non-nil error is the start's. May be nil.
	FailStart func(start int) error
	// Parting is asked when a worker is told that no more work comes, with the number of its start; nil: Leave.
	Parting func(start int) Parting
	// Hung is sent to when a worker hangs; nil: nobody is told.
	Hung chan struct{}

	mu       sync.Mutex
	attempts map[string]int
	order    []string
	starts   int
	// most is how many items a single worker has begun at most.
	most  int
	alive sync.WaitGroup
}

// Start implements backbones.Starter's work.
func (c *Crew) Start(index int) (backbones.Worker, error) {
	starts, err := c.started()
	if err != nil {
		return nil, err
	}
	w := &worker{
		crew: c, start: starts, pid: 1000 + starts, chunks: make(chan backbones.Chunk, backbones.MaxInFlight),
		results: make(chan backbones.Result, backbones.MaxInFlight), killed: make(chan struct{}),
		beats: make([]backbones.Beat, backbones.MaxInFlight),
	}
	c.alive.Add(1)
	go w.work()
	return w, nil
}

// started counts a start.
func (c *Crew) started() (int, error) {
	c.mu.Lock()
	c.starts++
	starts := c.starts
	c.mu.Unlock()
	if c.FailStart != nil {
		if err := c.FailStart(starts); err != nil {
			return 0, err
		}
	}
	return starts, nil
}

// Starts is how many workers were started.
func (c *Crew) Starts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts
}

// Order is the items in the order in which workers began them.
func (c *Crew) Order() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.order...)
}

// Most is how many items a single worker has begun at most.
func (c *Crew) Most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// Wait returns when every worker is gone.
func (c *Crew) Wait() { c.alive.Wait() }

// begin asks what to do at an item; begun counts those that its worker has begun.
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

type worker struct {
	crew    *Crew
	start   int
	pid     int
	chunks  chan backbones.Chunk
	results chan backbones.Result
	finish  sync.Once
	kill    sync.Once
	killed  chan struct{}
	// begun counts items; the crew's lock guards it.
	begun int

	mu    sync.Mutex
	beats []backbones.Beat
	exit  backbones.Exit
}

func (w *worker) Send(c backbones.Chunk) error {
	select {
	case w.chunks <- c:
		return nil
	default:
		w.crew.T.Errorf("a worker was sent more than %d chunks at a time", backbones.MaxInFlight)
		return fmt.Errorf("full")
	}
}

func (w *worker) Results() <-chan backbones.Result { return w.results }
func (w *worker) Finish()                          { w.finish.Do(func() { close(w.chunks) }) }
func (w *worker) Kill()                            { w.kill.Do(func() { close(w.killed) }) }
func (w *worker) Name() string                     { return fmt.Sprintf("pid %d", w.pid) }
func (w *worker) PID() int                         { return w.pid }

func (w *worker) Exit() backbones.Exit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exit
}

func (w *worker) Beats() []backbones.Beat {
	if !w.crew.Beats {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]backbones.Beat(nil), w.beats...)
}

func (w *worker) work() {
	defer w.crew.alive.Done()
	defer close(w.results)
	for {
		select {
		case <-w.killed:
			w.end(backbones.Exit{Code: -1, Signal: syscall.SIGKILL, ByHost: true})
			return
		case c, ok := <-w.chunks:
			if !ok {
				w.end(w.crew.partingExit(w.start, w.killed))
				return
			}
			if !w.chunk(c) {
				w.end(backbones.Exit{Code: -1, Signal: syscall.SIGSEGV})
				return
			}
		}
	}
}

func (w *worker) end(exit backbones.Exit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exit = exit
}

// chunk works on a chunk; false: the worker is dead.
func (w *worker) chunk(c backbones.Chunk) bool {
	r := backbones.Result{ChunkID: c.ID, Count: c.Count, Busy: 1000}
	outcomes := make([]byte, c.Count)
	times := 1
	for i, item := range items(c) {
		w.beat(c, i, outcomes)
		switch w.crew.begin(&w.begun, item) {
		case Do:
		case Skip:
			outcomes[i] = backbones.OutcomeSkipped
			r.Skipped = append(r.Skipped, backbones.Range{First: i, Count: 1})
		case Fail:
			outcomes[i] = backbones.OutcomeFailed
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: i, Failure: backbones.Failure{
				Kind: backbones.KindError, Message: "scripted failure of " + item,
			}})
		case Die:
			return false
		case Hang:
			select {
			case w.crew.Hung <- struct{}{}:
				<-w.killed
			case <-w.killed:
			}
			return false
		case Lie:
			times = 2
		case Forget:
			r.Unwritten = backbones.Unwritten{Count: r.Unwritten.Count + 1, Expected: item}
		}
	}
	w.beat(c, c.Count, outcomes)
	for range times {
		select {
		case w.results <- r:
		case <-w.killed:
			return false
		}
	}
	return true
}

func (w *worker) beat(c backbones.Chunk, index int, outcomes []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats[c.Slot] = backbones.Beat{ChunkID: c.ID, Index: index, Outcomes: append([]byte(nil), outcomes[:index]...)}
}

// items splits a chunk as a worker does.
func items(c backbones.Chunk) []string {
	var out []string
	for _, p := range c.Parts {
		lines := strings.Split(string(p.Block.Payload), "\n")
		out = append(out, lines[p.Skip:p.Skip+p.Take]...)
	}
	return out
}
