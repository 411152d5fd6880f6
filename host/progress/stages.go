package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Stage holds the figures of one stage of a pipeline.
type Stage struct {
	Items int64 `json:"items"`
	// ItemsPerSecond is the rate since the stage's first worker was ready.
	ItemsPerSecond float64 `json:"items_per_second"`
	// Workers is the largest number of workers, Busy the number with work.
	Workers int `json:"workers"`
	Busy    int `json:"workers_busy"`
	// Share is the share of its workers' time with work, 0 to 1.
	Share float64 `json:"busy_share"`
}

// Stages holds the figures of a pipeline: load, device, finish.
type Stages struct {
	Load   Stage `json:"load"`
	Device Stage `json:"device"`
	// Finish has no Workers if the device's workers do its work.
	Finish Stage `json:"finish,omitzero"`
	// Batches is the number that the devices have done, Open the time since they were ready.
	Batches int64         `json:"batches"`
	Open    time.Duration `json:"-"`
	// WaitInput is the time in seconds that devices waited for loaded batches, WaitOutput for room for their results; all devices
	// together.
	WaitInput  float64 `json:"device_waited_for_input"`
	WaitOutput float64 `json:"device_waited_for_output"`
	// Steady is the rate from the first finished batch to the last; 0: unknown.
	Steady float64 `json:"-"`
}

// StagesOf returns the figures of a backbone's stages; nil if it has none.
func StagesOf(s *backbones.Stages) *Stages {
	if s == nil {
		return nil
	}
	stage := func(f backbones.StageFigures) Stage {
		out := Stage{Workers: f.Workers, Busy: f.Busy, Items: f.Items}
		if seconds := f.Open.Seconds(); seconds > 0 {
			out.ItemsPerSecond = float64(f.Items) / seconds
			out.Share = f.Work.Seconds() / (seconds * float64(max(f.Workers, 1)))
		}
		return out
	}
	return &Stages{
		Load: stage(s.Load), Device: stage(s.Device), Finish: stage(s.Finish), Batches: s.Device.Batches, Open: s.Device.Open,
		WaitInput: s.WaitInput.Seconds(), WaitOutput: s.WaitOutput.Seconds(), Steady: s.Steady,
	}
}

// text is the short form, for a line that is drawn again and again.
func (s *Stages) text() string {
	out := fmt.Sprintf("load %d/%d, device %s busy", s.Load.Busy, s.Load.Workers, percent(s.Device.Share))
	if s.Finish.Workers > 0 {
		out += fmt.Sprintf(", finish %d/%d", s.Finish.Busy, s.Finish.Workers)
	}
	return out
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*min(share, 1)) }

// Lines are the figures for people, at the end of a run; none if no device has done a batch.
func (s *Stages) Lines() []string {
	if s == nil || s.Batches == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "load %s items/s, %s %s busy; device %s items/s, %s busy, waited %.1f s for input", rateText(s.Load.ItemsPerSecond),
		count.Of(s.Load.Workers, "worker"), percent(s.Load.Share), rateText(s.Device.ItemsPerSecond), percent(s.Device.Share), s.WaitInput)
	if s.Finish.Workers > 0 {
		fmt.Fprintf(&b, ", %.1f s for room for output; finish %s items/s, %s %s busy", s.WaitOutput,
			rateText(s.Finish.ItemsPerSecond), count.Of(s.Finish.Workers, "worker"), percent(s.Finish.Share))
	}
	if s.Steady > 0 {
		fmt.Fprintf(&b, "; %s items/s from the first batch to the last", rateText(s.Steady))
	}
	lines := []string{b.String()}
	if limit := s.Limit(); limit != "" {
		lines = append(lines, limit)
	}
	return lines
}

// Thresholds of Limit.
const (
	// full and crowded are shares of a stage's time.
	full    = 0.9
	crowded = 0.7
	// A run with fewer batches, or of less time, is too short to tell.
	fewBatches = 8
	littleTime = 2 * time.Second
)

// Limit names the stage that limits the run, and what to do about it; empty: the run was too short to tell.
func (s *Stages) Limit() string {
	if s.Batches < fewBatches || s.Open < littleTime {
		return ""
	}
	waited := s.WaitInput + s.WaitOutput
	switch {
	case s.Device.Share >= full || s.Device.Share >= crowded && waited < 1:
		return fmt.Sprintf("the device limits this run (%s busy): a larger --batch_size or one more --device may help", percent(s.Device.Share))
	case s.WaitOutput > s.WaitInput:
		if s.Finish.Share >= crowded {
			return fmt.Sprintf("the stage after inference limits this run: --num_postprocess (now %d) may be raised while CPUs are free", s.Finish.Workers)
		}
		return "room for results limits this run: they use the share of memory that batches may have; a smaller --batch_size needs less"
	case s.Load.Share >= crowded:
		return fmt.Sprintf("loading limits this run: --num_load (now %d) may be raised while CPUs are free", s.Load.Workers)
	case s.Device.Share < full && s.Load.Share < crowded && waited > 0:
		return "neither loading nor the device is busy all the time: --prefetch may be raised, if the listing is not what all wait for"
	}
	return ""
}

type jsonStages struct {
	*Stages
	Limit string `json:"limit,omitempty"`
}

func (s *Stages) json() *jsonStages {
	if s == nil {
		return nil
	}
	return &jsonStages{s, s.Limit()}
}
