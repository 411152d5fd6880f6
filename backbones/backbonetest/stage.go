package backbonetest

import (
	"fmt"
	"sync"
	"syscall"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Stage is what a stage worker does with a batch when it is done.
type Stage int

// The stages of a pipeline.
const (
	Load Stage = iota
	Device
	Finish
)

// StartStage starts a scripted worker of a stage.
func (c *Crew) StartStage(stage Stage) (backbones.StageWorker, error) {
	starts, err := c.started()
	if err != nil {
		return nil, err
	}
	w := &stageWorker{
		crew: c, stage: stage, start: starts, pid: 1000 + starts, batches: make(chan backbones.Batch, backbones.MaxInFlight),
		results: make(chan backbones.BatchResult, backbones.MaxInFlight), killed: make(chan struct{}),
	}
	c.alive.Add(1)
	go w.work()
	return w, nil
}

type stageWorker struct {
	crew    *Crew
	stage   Stage
	start   int
	pid     int
	batches chan backbones.Batch
	results chan backbones.BatchResult
	finish  sync.Once
	kill    sync.Once
	killed  chan struct{}
	begun   int

	mu   sync.Mutex
	exit backbones.Exit
}

func (w *stageWorker) Send(b backbones.Batch) error {
	select {
	case w.batches <- b:
		return nil
	default:
		w.crew.T.Errorf("a worker was sent more than %d batches at a time", backbones.MaxInFlight)
		return fmt.Errorf("full")
	}
}

func (w *stageWorker) Results() <-chan backbones.BatchResult { return w.results }
func (w *stageWorker) Finish()                               { w.finish.Do(func() { close(w.batches) }) }
func (w *stageWorker) Kill()                                 { w.kill.Do(func() { close(w.killed) }) }
func (w *stageWorker) Name() string                          { return fmt.Sprintf("pid %d", w.pid) }

func (w *stageWorker) Exit() backbones.Exit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exit
}

func (w *stageWorker) end(exit backbones.Exit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exit = exit
}

func (w *stageWorker) work() {
	defer w.crew.alive.Done()
	defer close(w.results)
	for {
		select {
		case <-w.killed:
			w.end(backbones.Exit{Code: -1, Signal: syscall.SIGKILL, ByHost: true})
			return
		case b, ok := <-w.batches:
			if !ok {
				w.end(w.crew.partingExit(w.start, w.killed))
				return
			}
			if !w.batch(b) {
				w.end(backbones.Exit{Code: -1, Signal: syscall.SIGSEGV})
				return
			}
		}
	}
}

// whole reports whether the stage answers for batches alone, not for single items.
func (w *stageWorker) whole(b backbones.Batch) bool { return w.stage == Device && b.Region.Size > 0 }

// batch works on a batch; false: the worker is dead.
func (w *stageWorker) batch(b backbones.Batch) bool {
	r := backbones.BatchResult{ID: b.ID, Count: b.Count, Busy: 1000}
	times, left := 1, b.Count
	for i, item := range items(backbones.Chunk{Parts: b.Parts}) {
		switch w.crew.begin(&w.begun, item) {
		case Do:
		case Skip:
			if !w.whole(b) {
				r.Skipped = append(r.Skipped, backbones.Range{First: i, Count: 1})
				left--
			}
		case Fail:
			failure := backbones.Failure{Kind: backbones.KindError, Message: "scripted failure of " + item}
			if w.whole(b) {
				r.Err = &backbones.BatchError{Failure: failure}
				continue
			}
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: i, Failure: failure})
			left--
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
	if r.Err == nil && left > 0 && w.stage != Finish && b.Region.Size > 0 {
		r.Payload = &backbones.Payload{Used: 64}
	}
	for range times {
		select {
		case w.results <- r:
		case <-w.killed:
			return false
		}
	}
	return true
}
