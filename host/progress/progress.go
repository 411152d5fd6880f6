// Package progress shows a run: counters that the run adds to, a ticker that reads them, and printers for a terminal, a log and
// a program.
package progress

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Counters are a run's counters. Several goroutines may use them.
type Counters struct{ Done, Skipped, Failed atomic.Int64 }

// Snapshot is a run at one moment.
type Snapshot struct {
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	Failed  int64 `json:"failed"`
	// Total is the number of all items; nil: the listing has not ended.
	Total *int64 `json:"total,omitempty"`
	// ItemsPerSecond is the number of items done or failed a second, over the last seconds.
	ItemsPerSecond float64 `json:"items_per_second"`
	// ETASeconds is the time left at that rate; 0: unknown.
	ETASeconds float64 `json:"eta_seconds,omitempty"`
	// WorkersBusy is the number of workers with work, Workers that of all, WorkersClosing that of workers that close their task.
	WorkersBusy    int `json:"workers_busy"`
	Workers        int `json:"workers"`
	WorkersClosing int `json:"workers_closing,omitempty"`
	// Nodes is the number of machines that work on the run; 0: it is done on one.
	Nodes int `json:"nodes,omitempty"`
	// Silent are those nodes that have items and have not reported in time.
	Silent  []string `json:"silent,omitempty"`
	Seconds float64  `json:"seconds"`
	// Stages is nil for a backbone without stages.
	Stages *Stages `json:"-"`
}

// Summary is a run at its end.
type Summary struct {
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	Failed  int64 `json:"failed"`
	// FailedByKind counts the failed items by kind of failure.
	FailedByKind map[string]int64 `json:"failed_by_kind"`
	// Unwritten counts items among those done.
	Unwritten backbones.Unwritten `json:"-"`
	// Unlisted is the number of folders and files that could not be listed.
	Unlisted int64 `json:"unlisted"`
	// Open is the number of items that another run still works on.
	Open    int64   `json:"open,omitempty"`
	Seconds float64 `json:"seconds"`
	// ItemsPerSecond is the number of items done or failed a second, over the whole run.
	ItemsPerSecond float64 `json:"items_per_second"`
	Interrupted    bool    `json:"interrupted"`
	// Stages is nil for a backbone without stages.
	Stages *Stages `json:"-"`
}

// Printer shows a run. One goroutine at a time calls its methods.
type Printer interface {
	FailurePrinter
	StopPrinter
	// Update shows the run at each tick.
	Update(Snapshot)
	// Finish is the last call.
	Finish(Summary)
	// Interval is the time between calls of Update; 0: no calls.
	Interval() time.Duration
}

// Sources are the sources of snapshots beside the counters.
type Sources struct {
	// Fill sets the total, the workers and the stages of a snapshot, and adds the items that the planner skipped.
	Fill func(*Snapshot)
	// Began is the begin of the run; zero: now.
	Began time.Time
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// AlikeHint is what to write about a run whose first items all fail in the same way.
	AlikeHint string
}

// Reporter connects counters to a printer. Make one with Start and end it with Finish.
type Reporter struct {
	Counters Counters
	sources  Sources
	printer  Printer
	elapsed  time.Duration
	rate     rate

	// mu guards the printer, sum and failures.
	mu       sync.Mutex
	sum      Summary
	failures failures
	stop     chan struct{}
	gone     sync.WaitGroup
}

// Start starts to show a run.
func Start(printer Printer, sources Sources) *Reporter {
	if sources.Now == nil {
		sources.Now = time.Now
	}
	if sources.Began.IsZero() {
		sources.Began = sources.Now()
	}
	r := &Reporter{sources: sources, printer: printer, sum: Summary{FailedByKind: map[string]int64{}}, stop: make(chan struct{})}
	if interval := printer.Interval(); interval > 0 {
		r.gone.Go(func() { r.tick(interval) })
	}
	return r
}

func (r *Reporter) tick(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.mu.Lock()
			s := r.snapshot()
			r.printer.Update(s)
			r.printer.More(&r.failures.groups, s.Seconds)
			r.mu.Unlock()
		case <-r.stop:
			return
		}
	}
}

func (r *Reporter) snapshot() Snapshot {
	// time.Now is monotonic. If another clock jumps back, time stands still until it has caught up.
	r.elapsed = max(r.elapsed, r.sources.Now().Sub(r.sources.Began))
	s := Snapshot{Done: r.Counters.Done.Load(), Skipped: r.Counters.Skipped.Load(), Failed: r.Counters.Failed.Load(), Seconds: r.elapsed.Seconds()}
	r.sources.Fill(&s)
	s.ItemsPerSecond = r.rate.at(r.elapsed, s.Done+s.Failed)
	if s.Total != nil && s.ItemsPerSecond > 0 {
		s.ETASeconds = max(0, float64(*s.Total-s.Done-s.Failed-s.Skipped)/s.ItemsPerSecond)
	}
	return s
}

// Unwritten counts n items that are done without their output. The example is the first one, or the first with Found.
func (r *Reporter) Unwritten(n int, example backbones.Unwritten) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &r.sum.Unwritten
	if u.Expected == "" || u.Found == "" && example.Found != "" {
		u.Expected, u.Found = example.Expected, example.Found
	}
	u.Count += n
}

// Finish stops the ticker, shows the summary and returns it. unlisted and open are the numbers of Summary.
func (r *Reporter) Finish(unlisted, open int64, interrupted bool) Summary {
	close(r.stop)
	r.gone.Wait()
	last, s := r.snapshot(), r.sum
	s.Done, s.Skipped, s.Failed, s.Unlisted, s.Open = last.Done, last.Skipped, last.Failed, unlisted, open
	s.Seconds, s.Interrupted, s.Stages = last.Seconds, interrupted, last.Stages
	if s.Seconds > 0 {
		s.ItemsPerSecond = float64(s.Done+s.Failed) / s.Seconds
	}
	r.printer.Groups(&r.failures.groups)
	r.printer.Finish(s)
	return s
}

// rate measures over a window of some seconds. It follows a run that grows slower, and does not jump.
type rate struct{ points []point }

type point struct {
	at    time.Duration
	count int64
}

const rateWindow = 15 * time.Second

func (r *rate) at(now time.Duration, count int64) float64 {
	r.points = append(r.points, point{now, count})
	for len(r.points) > 2 && now-r.points[0].at > rateWindow {
		r.points = r.points[1:]
	}
	first := point{}
	if len(r.points) > 1 {
		first = r.points[0]
	}
	if now <= first.at {
		return 0
	}
	return float64(count-first.count) / (now - first.at).Seconds()
}
