// Package progress shows a run to whoever waits for it: counters that the run adds to, a ticker that reads them, and
// printers for a terminal, a log and a program.
package progress

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Counters are what a run counts. All of it may be used by several goroutines.
type Counters struct {
	Done    atomic.Int64
	Skipped atomic.Int64
	Failed  atomic.Int64
	// Unlisted counts the folders and files that could not be listed.
	Unlisted atomic.Int64
	// Open counts the items that another run was still working on at the end.
	Open atomic.Int64
}

// Unwritten are items that are done without the output that the finish check looks for.
type Unwritten struct {
	Count int64
	// Expected is where one of them should have its output, and Found what is there instead; empty: not known.
	Expected, Found string
}

// Snapshot is a run at one moment.
type Snapshot struct {
	Done, Skipped, Failed int64
	// Total is the number of all items; known is false until the listing has seen the last of them.
	Total int64
	Known bool
	// Rate is items done or failed a second, over the last seconds.
	Rate float64
	// ETA is how long the rest will take at that rate; 0: not known.
	ETA time.Duration
	// Busy of Workers workers have work.
	Busy, Workers int
	// Closing workers have no more work, and close their task.
	Closing int
	Elapsed time.Duration
	// Stages is nil where the backbone has none.
	Stages *Stages
}

// Summary is a run at its end.
type Summary struct {
	Done, Skipped, Failed int64
	// FailedByKind counts the failed items by the kinds of their failures.
	FailedByKind map[string]int64
	Unlisted     int64
	// Open is how many items another run was still working on.
	Open int64
	// Unwritten are some of those done.
	Unwritten Unwritten
	Seconds   float64
	// ItemsPerSecond is items done or failed a second of the whole run.
	ItemsPerSecond float64
	Interrupted    bool
	// Stages is nil where the backbone has none.
	Stages *Stages
}

// Failure is one failed item, for showing.
type Failure struct {
	Item      string
	Kind      string
	Message   string
	Traceback string
	Worker    string
	Attempts  int
}

// Printer shows a run. Its methods are called by one goroutine at a time.
type Printer interface {
	// Update shows the run as it is; it is called at each tick.
	Update(Snapshot)
	// Failed shows a failed item.
	Failed(Failure)
	// Finish is the last call.
	Finish(Summary)
	// Interval is how often Update wants to be called; 0: never.
	Interval() time.Duration
}

// Sources are what a snapshot is taken from beside the counters.
type Sources struct {
	// Total is the number of all items, once it is known; may be nil.
	Total func() (int64, bool)
	// Skipped counts the items that the planner found finished, beside those that workers did; may be nil.
	Skipped func() int64
	// Workers is how many workers have work, of how many; may be nil.
	Workers func() (busy, all int)
	// Closing is how many workers close their task; may be nil.
	Closing func() int
	// Stages is how the backbone's stages fare; nil: it has none.
	Stages func() *Stages
	// Began is when the run began; zero: now.
	Began time.Time
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Reporter connects counters to a printer. Make one with Start and end it with Finish.
type Reporter struct {
	Counters Counters
	sources  Sources
	printer  Printer
	began    time.Time
	longest  time.Duration
	rate     rate

	// mu guards the printer, kinds and unwritten.
	mu        sync.Mutex
	kinds     map[string]int64
	unwritten Unwritten
	stop      chan struct{}
	gone      sync.WaitGroup
}

// Start begins to show a run.
func Start(printer Printer, sources Sources) *Reporter {
	if sources.Now == nil {
		sources.Now = time.Now
	}
	if sources.Began.IsZero() {
		sources.Began = sources.Now()
	}
	r := &Reporter{sources: sources, printer: printer, began: sources.Began, kinds: map[string]int64{}, stop: make(chan struct{})}
	if interval := printer.Interval(); interval > 0 {
		r.gone.Add(1)
		go r.tick(interval)
	}
	return r
}

func (r *Reporter) tick(interval time.Duration) {
	defer r.gone.Done()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.mu.Lock()
			r.printer.Update(r.snapshot())
			r.mu.Unlock()
		case <-r.stop:
			return
		}
	}
}

func (r *Reporter) snapshot() Snapshot {
	s := Snapshot{
		Done: r.Counters.Done.Load(), Skipped: r.skipped(), Failed: r.Counters.Failed.Load(),
		Elapsed: r.elapsed(),
	}
	if r.sources.Total != nil {
		s.Total, s.Known = r.sources.Total()
	}
	if r.sources.Workers != nil {
		s.Busy, s.Workers = r.sources.Workers()
	}
	if r.sources.Closing != nil {
		s.Closing = r.sources.Closing()
	}
	if r.sources.Stages != nil {
		s.Stages = r.sources.Stages()
	}
	s.Rate = r.rate.at(s.Elapsed, s.Done+s.Failed)
	if left := s.Total - s.Done - s.Failed - s.Skipped; s.Known && left > 0 && s.Rate > 0 {
		s.ETA = time.Duration(float64(left) / s.Rate * float64(time.Second))
	}
	return s
}

// elapsed is how long the run has taken. time.Now has a monotonic clock, which nobody can set; should another clock jump
// back, time stands still until it has caught up.
func (r *Reporter) elapsed() time.Duration {
	r.longest = max(r.longest, r.sources.Now().Sub(r.began))
	return r.longest
}

func (r *Reporter) skipped() int64 {
	n := r.Counters.Skipped.Load()
	if r.sources.Skipped != nil {
		n += r.sources.Skipped()
	}
	return n
}

// Failed shows a failed item, and counts its kind. The item itself is counted in Counters.
func (r *Reporter) Failed(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[f.Kind]++
	r.printer.Failed(f)
}

// Unwritten counts items that are done without their output. The first example is kept, and one of which more is known.
func (r *Reporter) Unwritten(n int, expected, found string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwritten.Count += int64(n)
	if r.unwritten.Expected == "" || r.unwritten.Found == "" && found != "" {
		r.unwritten.Expected, r.unwritten.Found = expected, found
	}
}

// Finish stops the ticker, shows the summary and returns it.
func (r *Reporter) Finish(interrupted bool) Summary {
	close(r.stop)
	r.gone.Wait()
	seconds := r.elapsed().Seconds()
	s := Summary{
		Done: r.Counters.Done.Load(), Skipped: r.skipped(), Failed: r.Counters.Failed.Load(),
		FailedByKind: maps.Clone(r.kinds), Unlisted: r.Counters.Unlisted.Load(), Open: r.Counters.Open.Load(), Unwritten: r.unwritten, Seconds: seconds, Interrupted: interrupted,
	}
	if seconds > 0 {
		s.ItemsPerSecond = float64(s.Done+s.Failed) / seconds
	}
	if r.sources.Stages != nil {
		s.Stages = r.sources.Stages()
	}
	r.printer.Finish(s)
	return s
}

// rate measures over a window of some seconds, so that it follows a run that grows slower and does not jump.
type rate struct {
	points []point
}

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
