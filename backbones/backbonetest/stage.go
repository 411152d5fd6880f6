package backbonetest

import "github.com/kagurazaka/kagurazaka/backbones"

// Stage is a stage of a pipeline.
type Stage int

// The stages of a pipeline.
const (
	Load Stage = iota
	Device
	Finish
)

// StartStage starts a scripted worker of a stage.
func (c *Crew) StartStage(stage Stage) (backbones.StageWorker, error) {
	s, err := start[backbones.Batch, backbones.BatchResult](c)
	if err != nil {
		return nil, err
	}
	w := &stageWorker{s, stage}
	go w.work(w.batch)
	return w, nil
}

type stageWorker struct {
	*scripted[backbones.Batch, backbones.BatchResult]
	stage Stage
}

// batch works on a batch; false: the worker is dead.
func (w *stageWorker) batch(b backbones.Batch) bool {
	r := backbones.BatchResult{ID: b.ID, Count: b.Count, Busy: 1000}
	times, left := 1, b.Count
	// Such a stage answers for whole batches, not for single items.
	whole := w.stage == Device && b.Region.Size > 0
	for i, item := range items(b.Parts) {
		act, alive := w.begin(item)
		if !alive {
			return false
		}
		switch {
		case act == Skip && !whole:
			r.Skipped = append(r.Skipped, backbones.Range{First: i, Count: 1})
			left--
		case act == Fail && whole:
			r.Err = &backbones.BatchError{Failure: failureOf(item)}
		case act == Fail:
			r.Failures = append(r.Failures, backbones.ItemFailure{Index: i, Failure: failureOf(item)})
			left--
		case act == Lie:
			times = 2
		case act == Forget:
			r.Unwritten = backbones.Unwritten{Count: r.Unwritten.Count + 1, Expected: item}
		}
	}
	if r.Err == nil && left > 0 && w.stage != Finish && b.Region.Size > 0 {
		r.Payload = &backbones.Payload{Used: 64}
	}
	return w.answer(r, times)
}
