package backbones

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// MaxChunkItems is the most items of a chunk: the heartbeat page has no room for more.
const MaxChunkItems = wire.MaxChunkItems

// MaxInFlight is the most chunks that a worker may have at a time: the slots of the heartbeat page.
const MaxInFlight = wire.MaxInFlight

// Process is a running worker process with an open task. It answers requests. Several goroutines may call its methods.
type Process[Q, A any] interface {
	// Send sends a request. An error means that the worker is broken: Results ends soon.
	Send(Q) error
	// Results yields one answer per request, in order. The channel is closed when the process has ended, and so cannot write to
	// shared memory any more.
	Results() <-chan A
	// Finish ends the worker when it has answered all its requests.
	Finish()
	// Kill ends the worker and all processes that it started, at once.
	Kill()
	// Exit is how the worker ended. It may be called after Results is closed.
	Exit() Exit
	// Name is the worker's name for users: "pid 812".
	Name() string
}

// Worker is a worker for chunks.
type Worker interface {
	Process[Chunk, Result]
	// Beats reads the heartbeat page, one beat per slot; nil without a usable page. It may be called at any time, also when the
	// worker is dead.
	Beats() []Beat
}

// Starter starts the worker with an index. A FatalError means that no worker can be started.
type Starter func(ctx context.Context, index int) (Worker, error)

// FatalError is a permanent error. The run ends with it, or continues without the device that has it.
type FatalError struct {
	Err error
	// EndsRun: the run ends even if other devices could continue.
	EndsRun bool
}

func (e *FatalError) Error() string { return e.Err.Error() }
func (e *FatalError) Unwrap() error { return e.Err }

// Beat is one slot of a worker's heartbeat page.
type Beat struct {
	// ChunkID is the chunk that the slot was last used for; 0: none.
	ChunkID uint64
	// Index is the position of the current item, or the chunk's count once it is finished.
	Index int
	// Outcomes has a byte for each position before Index: OutcomeDone, OutcomeFailed or OutcomeSkipped.
	Outcomes []byte
}

// The values of Beat.Outcomes.
const (
	OutcomeDone    = 0
	OutcomeFailed  = 1
	OutcomeSkipped = 2
)

// Exit is how a worker process ended.
type Exit struct {
	// Code is the exit code, -1 when a signal ended the process.
	Code   int
	Signal syscall.Signal
	// ByHost: the host sent the signal.
	ByHost bool
	// Reason is why the host ended the worker, if it did: "it answered chunk 3 where chunk 2 was due".
	Reason string
	// Memory is the end of a sentence about memory as the cause: "for want of memory: …"; may be empty.
	Memory string
	// Stderr are the last lines of the worker's stderr.
	Stderr []string
	// Rule is the section of docs/protocol.md that the worker violated; may be empty.
	Rule string
	// Ended: the worker ended its Run call correctly. Its task is closed unless Close is set.
	Ended bool
	// Close is the error of closing the task; nil: it was closed, or the reason is not known.
	Close error
}

// String describes the exit as the end of a sentence about the worker: "was killed by signal 9 (killed)".
func (e Exit) String() string {
	var b strings.Builder
	switch {
	case e.Reason != "":
		fmt.Fprintf(&b, "was ended by the host because %s", e.Reason)
	case e.ByHost:
		b.WriteString("was ended by the host")
	case e.Signal != 0:
		fmt.Fprintf(&b, "was killed by signal %d (%s)", int(e.Signal), e.Signal)
	default:
		fmt.Fprintf(&b, "exited with code %d", e.Code)
	}
	if e.Memory != "" && e.Reason == "" {
		b.WriteString(" " + e.Memory)
	}
	b.WriteString(RuleNote(e.Rule))
	return b.String()
}

// LastLine is the last line of the worker's stderr; may be empty.
func (e Exit) LastLine() string {
	if len(e.Stderr) == 0 {
		return ""
	}
	return e.Stderr[len(e.Stderr)-1]
}

// StderrNote is the end of the worker's stderr, to follow String in a message; may be empty.
func (e Exit) StderrNote() string {
	if len(e.Stderr) == 0 {
		return ""
	}
	return "; its stderr ended with:\n  " + strings.Join(e.Stderr, "\n  ")
}

// Span is Count items from the number First of the listing.
type Span struct {
	First uint64
	Count int
}

// Outcomes are the outcomes of some items. Each item of a run is in exactly one Outcomes.
type Outcomes struct {
	// Worker is the worker that they come from: "w3".
	Worker  string
	Done    []Span
	Skipped []Span
	Failed  []FailedItem
	// Unwritten counts some of Done.
	Unwritten Unwritten
	// Mean is the mean time of the items of Done; 0: not known.
	Mean time.Duration
	// Attempts has those of Done that took more than one.
	Attempts []Attempt
	// Slow is set where a worker took longer for what it was sent than any worker had before.
	Slow Slow
}

// Slow is some items that a worker took long for.
type Slow struct {
	// Number is that of the first of them, Item its printable text; empty: it is known by its number alone.
	Number uint64
	Item   string
	// Count is how many they are, Time the time for all of them; 0: nothing was slow.
	Count int
	Time  time.Duration
}

// Attempt is how often an item was started.
type Attempt struct {
	Number uint64
	Count  int
}

// FailedItem is an item that failed.
type FailedItem struct {
	Number uint64
	// Item is the item as printable text: its JSON, or the plugin's text for it.
	Item    string
	Failure Failure
	// Encoding is that of its block. ContentKey identifies an opaque item in a later run.
	Encoding   Encoding
	ContentKey uint64
}

// Sink receives outcomes. After an error, requests in flight finish and nothing more is dispatched.
type Sink func(Outcomes) error
