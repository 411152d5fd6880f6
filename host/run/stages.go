package run

import (
	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/progress"
)

// stages is how the stages of a backbone are shown; nil where it has none.
func stages(s *backbones.Stages) *progress.Stages {
	if s == nil {
		return nil
	}
	stage := func(f backbones.StageFigures) progress.Stage {
		out := progress.Stage{Workers: f.Workers, Busy: f.Busy, Items: f.Items}
		if seconds := f.Open.Seconds(); seconds > 0 {
			out.ItemsPerSecond = float64(f.Items) / seconds
			out.Share = f.Work.Seconds() / (seconds * float64(max(f.Workers, 1)))
		}
		return out
	}
	return &progress.Stages{
		Load: stage(s.Load), Device: stage(s.Device), Finish: stage(s.Finish), Batches: s.Device.Batches, Open: s.Device.Open,
		WaitInput: s.WaitInput, WaitOutput: s.WaitOutput, Steady: s.Steady,
	}
}
