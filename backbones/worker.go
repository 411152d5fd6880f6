package backbones

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// MaxChunkItems is the most items a chunk may have; the heartbeat page has room for so many.
const MaxChunkItems = wire.MaxChunkItems

// MaxInFlight is the most chunks a worker may have at a time; the heartbeat page has so many slots.
const MaxInFlight = wire.MaxInFlight

// Process is one running worker process with the task opened in it, which takes requests and answers them. Its methods may be
// called by several goroutines.
type Process[Q, A any] interface {
	// Send hands a request to the worker. An error means that the worker is broken: Results ends soon.
	Send(Q) error
	// Results yields one answer a request, in the order in which they were sent. The channel is closed once the process has
	// ended, and so cannot write to shared memory any more.
	Results() <-chan A
	// Finish says that no more requests come: the worker ends when it has answered what it has.
	Finish()
	// Kill ends the worker and every process that it started, at once.
	Kill()
	// Exit says how the worker ended. It may be called once Results is closed.
	Exit() Exit
	// Name tells the worker from others for a person: "pid 812".
	Name() string
}

// Worker is a worker that is sent chunks.
type Worker interface {
	Process[Chunk, Result]
	// Beats reads the heartbeat page, one beat a slot; nil where the worker keeps none, or one that tells nothing. It may be
	// called at any time, also when the worker is dead.
	Beats() []Beat
}

// Starter starts the worker with the given index. A FatalError means that no worker can be started.
type Starter func(ctx context.Context, index int) (Worker, error)

// FatalError is an error that no further try can mend. The run ends with it, or goes on without the device that has it.
type FatalError struct {
	Err error
	// EndsRun: the run ends even if other devices could go on.
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
	// ByHost: the signal came from the host.
	ByHost bool
	// Reason is set when the host ended the worker, and says why: "it answered chunk 3 where chunk 2 was due".
	Reason string
	// Memory is what is known of memory as the cause, as the end of a sentence: "for want of memory: …"; may be empty.
	Memory string
	// Stderr is the last of what the worker wrote to its stderr.
	Stderr []string
	// Rule is the section of docs/protocol.md with the rule that the worker broke; empty: it broke none.
	Rule string
	// Ended: the worker ended its Run call as it should, and its task is closed unless Close is set.
	Ended bool
	// Close is why the task could not be closed; nil: it was closed, or the reason is not known.
	Close error
}

// String tells the exit as the end of a sentence that begins with the worker: "was killed by signal 9 (killed)".
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

// LastLine is the last that the worker wrote to its stderr; empty where there is nothing.
func (e Exit) LastLine() string {
	if len(e.Stderr) == 0 {
		return ""
	}
	return e.Stderr[len(e.Stderr)-1]
}

// StderrNote is what the worker wrote last, to follow String in a message; empty where there is nothing.
func (e Exit) StderrNote() string {
	if len(e.Stderr) == 0 {
		return ""
	}
	return "; its stderr ended with:\n  " + strings.Join(e.Stderr, "\n  ")
}

// Span is Count items from the number First, as their blocks have them.
type Span struct {
	First uint64
	Count int
}

// Outcomes is the outcomes of some items. Each item of a run is in exactly one Outcomes.
type Outcomes struct {
	// Worker is the name of the worker that they come from: "w3".
	Worker  string
	Done    []Span
	Skipped []Span
	Failed  []FailedItem
	// Unwritten counts some of Done.
	Unwritten Unwritten
}

// FailedItem is an item whose outcome is failed.
type FailedItem struct {
	Number uint64
	// Item is the item as printable text: its JSON, or what the plugin shows for it.
	Item    string
	Failure Failure
	// Encoding is that of its block, ContentKey what an opaque item is known by in a later run.
	Encoding   Encoding
	ContentKey uint64
}

// Sink receives outcomes. An error ends the run: what is in flight is finished and nothing more is dispatched.
type Sink func(Outcomes) error
