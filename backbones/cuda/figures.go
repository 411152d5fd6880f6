package cuda

import (
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// figures measures the stages. The loop writes, and Status reads. Times are since the run's start; 0: never.
type figures struct {
	mu sync.Mutex
	// final is the last stage.
	final   int
	workers [stages]int
	stage   [stages]backbones.StageFigures
	since   [stages]time.Duration
	last    time.Duration
	// firstAnswer and lastAnswer are times of the last stage; before is the number of items in the first answer.
	firstAnswer, lastAnswer time.Duration
	before                  int64
	// looked is the time of the last look, idleInput and idleOutput are what it saw.
	looked                time.Duration
	idleInput, idleOutput int
	waitInput, waitOutput time.Duration
}

func (f *figures) opened(k int, now time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since[k] == 0 {
		f.since[k] = max(now, 1)
	}
}

// look records what devices do until it is called again.
func (f *figures) look(now time.Duration, busy [stages]int, devices int, starved bool, ready int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looked > 0 {
		passed := now - f.looked
		f.waitInput += passed * time.Duration(f.idleInput)
		f.waitOutput += passed * time.Duration(f.idleOutput)
	}
	f.looked, f.idleInput, f.idleOutput = now, 0, 0
	idle := devices - busy[device]
	if starved && ready > 0 {
		f.idleOutput = idle
	} else {
		f.idleInput = idle
	}
	for k := range busy {
		f.stage[k].Busy = busy[k]
	}
}

func (f *figures) answered(k int, r backbones.BatchResult, now time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.stage[k]
	s.Items += int64(r.Count)
	s.Batches++
	s.Work += r.Busy
	f.last = now
	if k != f.final {
		return
	}
	if f.firstAnswer == 0 {
		f.firstAnswer, f.before = now, s.Items
	}
	f.lastAnswer = now
}

// stages are the figures so far.
func (f *figures) stages() *backbones.Stages {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.stage {
		s := &f.stage[k]
		s.Name, s.Workers = stageNames[k], f.workers[k]
		if f.since[k] > 0 && f.last > f.since[k] {
			s.Open = f.last - f.since[k]
		}
	}
	out := &backbones.Stages{
		Load: f.stage[load], Device: f.stage[device], Finish: f.stage[finish], WaitInput: f.waitInput, WaitOutput: f.waitOutput,
	}
	if d := (f.lastAnswer - f.firstAnswer).Seconds(); d > 0 {
		out.Steady = float64(f.stage[f.final].Items-f.before) / d
	}
	return out
}
