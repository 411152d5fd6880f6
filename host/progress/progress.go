// Package progress shows a run: counters that the run adds to, a ticker that reads them, and printers for a terminal, a log and
// a program.
package progress

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Counters are a run's counters. Several goroutines may use them.
type Counters struct{ Done, Skipped, Failed atomic.Int64 }

// Beginning is what is known of a run before its first item.
type Beginning struct {
	// Version is the host's, Commit what it was built from. Modified: the files differed from that.
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Run is the run's id, Ledger its folder; empty: it keeps no ledger. Parent is the run that it takes up.
	Run    string `json:"run,omitempty"`
	Ledger string `json:"ledger,omitempty"`
	Parent string `json:"parent,omitempty"`
	// Plugin is the plugin's path.
	Plugin string    `json:"plugin"`
	Task   string    `json:"task"`
	Began  time.Time `json:"began"`
	// Show, Retry and Resume are the commands that show the run, run its failed items again, and continue it; empty: there is none.
	Show   string `json:"-"`
	Retry  string `json:"-"`
	Resume string `json:"-"`
}

// Snapshot is a run at one moment.
type Snapshot struct {
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	Failed  int64 `json:"failed"`
	// Total is the number of all items; nil: the listing has not ended.
	Total *int64 `json:"total,omitempty"`
	// Listed is the number of items that were listed so far, where there is no Total; 0: unknown.
	Listed int64 `json:"listed,omitempty"`
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
	// Seats are what the workers are on, for a printer that watches them.
	Seats []backbones.Seat `json:"-"`
	nodes []backbones.NodeFigures
	// Bytes are nil where no sizes are known.
	Bytes *Bytes `json:"-"`
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
	// Left is the number of items without an outcome; -1: unknown.
	Left int64 `json:"-"`
	// Slowest is the item that took longest, or the items of which one may have; nil: unknown.
	Slowest *Slowest `json:"slowest,omitempty"`
	Bytes   *Bytes   `json:"bytes,omitempty"`
	// Stages is nil for a backbone without stages.
	Stages *Stages `json:"-"`
}

// Bytes are the sizes of inputs and outputs, as far as they were looked at.
type Bytes struct {
	// In is the size of the inputs of InItems items, Out that of the outputs of OutItems.
	In       int64 `json:"in"`
	InItems  int64 `json:"in_items"`
	Out      int64 `json:"out"`
	OutItems int64 `json:"out_items"`
}

// Printer shows a run. One goroutine at a time calls its methods.
type Printer interface {
	FailurePrinter
	StopPrinter
	// Begin is the first call.
	Begin(Beginning)
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

	// mu guards the printer, sum, failures and slow.
	mu       sync.Mutex
	sum      Summary
	failures failures
	slow     slow
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
	s.Seconds, s.Interrupted, s.Stages, s.Slowest, s.Bytes, s.Left = last.Seconds, interrupted, last.Stages, r.slow.most(), last.Bytes, -1
	if last.Total != nil {
		s.Left = max(0, *last.Total-last.Done-last.Skipped-last.Failed)
	}
	if s.Seconds > 0 {
		s.ItemsPerSecond = float64(s.Done+s.Failed) / s.Seconds
	}
	r.printer.Groups(&r.failures.groups)
	r.printer.Finish(s)
	return s
}

// rate measures over a window of some seconds. Where items take longer than that, the window has some of them: it follows a run that grows
// slower, and does not jump.
type rate struct {
	// points are the moments at which the count had changed.
	points []point
}

type point struct {
	at    time.Duration
	count int64
}

const (
	rateWindow = 15 * time.Second
	// rateChanges is the number of changes that the window has at least.
	rateChanges = 5
)

func (r *rate) at(now time.Duration, count int64) float64 {
	if len(r.points) == 0 {
		r.points = []point{{}}
	}
	if newest := r.points[len(r.points)-1]; count != newest.count {
		r.points = append(r.points, point{now, count})
	}
	window, n := rateWindow, len(r.points)-1
	if newest, some := r.points[n], r.points[max(0, n-rateChanges)]; newest.count > some.count {
		window = max(window, rateChanges*(newest.at-some.at)/time.Duration(newest.count-some.count))
	}
	first, drop := r.points[0], 0
	for i, p := range r.points {
		if p.at > now-window {
			break
		}
		first, drop = point{now - window, p.count}, min(i, n-rateChanges)
	}
	r.points = slices.Delete(r.points, 0, max(drop, 0))
	if now <= first.at {
		return 0
	}
	return float64(count-first.count) / (now - first.at).Seconds()
}
