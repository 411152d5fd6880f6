package mp

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// died takes back a dead worker's chunks. Items that its heartbeat page shows as finished have outcomes. The item that it was on has
// failed, unless the host ended the worker for another reason. Other workers get the rest.
func (s *scheduler) died(worker int, beats []backbones.Beat, exit backbones.Exit, byHost bool) (out backbones.Outcomes, f crew.Fate) {
	l := s.lanes[worker]
	if l == nil {
		return out, crew.Neutral
	}
	delete(s.lanes, worker)
	d := death{scheduler: s, lane: l, exit: exit, byHost: byHost || l.late != nil, out: &out}
	for i, f := range l.flights {
		d.revoked = f.revoked
		beat, ok := beatOf(beats, f)
		switch {
		case ok:
			d.takeBack(f, beat)
		case beats == nil && i == 0:
			d.bisect(f)
		default:
			d.again(f.job)
		}
	}
	switch {
	case l.concluded > 0 || len(out.Failed) > 0:
		return out, crew.Fruitful
	case byHost || d.blamed:
		return out, crew.Neutral
	default:
		return out, crew.Fruitless
	}
}

func beatOf(beats []backbones.Beat, f flight) (backbones.Beat, bool) {
	// A page that has more items than the chunk is not about it.
	if f.slot >= len(beats) || beats[f.slot].ChunkID != f.id || beats[f.slot].Index > f.count {
		return backbones.Beat{}, false
	}
	return beats[f.slot], true
}

// death is one worker's end.
type death struct {
	*scheduler
	lane   *lane
	exit   backbones.Exit
	byHost bool
	out    *backbones.Outcomes
	// blamed: an item is known to have been worked on.
	blamed bool
	// revoked are items of the flight at hand that are another's now.
	revoked []backbones.Span
}

// again passes on what is still ours of a job.
func (d *death) again(j job) {
	if left := j.without(d.revoked); left.count > 0 {
		d.scheduler.again(left)
	}
}

// takeBack concludes the items that a beat shows as finished, and passes on the rest.
func (d *death) takeBack(f flight, beat backbones.Beat) {
	begun := max(beat.Index, 0)
	marks := make([]byte, begun)
	copy(marks, beat.Outcomes)
	if len(d.revoked) > 0 {
		marks = f.ours(marks)
	}
	d.out.Done = collect(d.out.Done, f.parts, marks, begun, backbones.OutcomeDone)
	d.out.Skipped = collect(d.out.Skipped, f.parts, marks, begun, backbones.OutcomeSkipped)
	items := cut.Cursor{Parts: f.parts}
	for i, m := range marks {
		switch m {
		case revoked:
			continue
		case backbones.OutcomeFailed:
		default:
			d.lane.concluded++
			continue
		}
		// Its message was lost with the worker. Another failure costs less than one without a reason.
		d.fail(d.out, items.At(i), f.failed(i), "", backbones.Failure{
			Kind: backbones.KindLost, Fault: backbones.FaultTask, Log: d.exit.Stderr,
			Message: fmt.Sprintf("it failed, and its worker %s before it could say why", d.exit),
		})
	}
	if begun == f.count {
		return
	}
	if !cut.Has(cut.Slice(f.parts, begun, 1), d.revoked) && d.onItem(f, begun) {
		begun++
	}
	if begun < f.count {
		rest := f.slice(begun, f.count-begun)
		rest.alone = f.alone
		d.again(rest)
	}
}

// onItem fails the item that the worker was on, and reports whether it did.
func (d *death) onItem(f flight, position int) bool {
	late := d.lane.late
	switch {
	case late != nil && late.Request == f.id && late.Index == position:
		d.tookTooLong(f, position)
	case d.byHost:
		return false
	default:
		before := f.failed(position)
		d.fail(d.out, cut.Slice(f.parts, position, 1)[0], before, "", backbones.Failure{
			Kind: backbones.KindCrash, Fault: backbones.FaultTask, Log: d.exit.Stderr,
			Message: fmt.Sprintf("the worker that was on this item %s%s", d.exit, tried(before+1)),
		})
	}
	d.blamed = true
	return true
}

func tried(times int) string {
	switch times {
	case 1:
		return ""
	case 2:
		return "; it was tried twice, the second time alone"
	default:
		return fmt.Sprintf("; it was tried %d times, the last time alone", times)
	}
}

func (d *death) tookTooLong(f flight, position int) {
	late := d.lane.late
	message := "took longer than --item-timeout " + backbones.FlagText(late.Limit)
	if late.Why != "" {
		message += "; " + late.Why
	}
	d.fail(d.out, cut.Slice(f.parts, position, 1)[0], f.failed(position), "", backbones.Failure{
		Kind: backbones.KindTimeout, Fault: backbones.FaultTask, Log: d.exit.Stderr,
		Elapsed: late.Elapsed, Retryable: true,
		Message: message,
	})
}

// bisect finds the item that ended a worker without a heartbeat page: it halves the chunk until the item is alone. Only that item
// fails.
func (d *death) bisect(f flight) {
	if f.job = f.without(d.revoked); f.count == 0 {
		return
	}
	late := d.lane.late != nil && d.lane.late.Request == f.id
	switch {
	case late && f.count == 1:
		d.blamed = true
		d.tookTooLong(f, 0)
	case d.byHost && !late:
		d.again(f.job)
	case f.count == 1:
		d.onItem(f, 0)
	default:
		d.blamed = late
		half := f.count / 2
		for _, j := range []job{f.slice(0, half), f.slice(half, f.count-half)} {
			j.alone = true
			d.again(j)
		}
	}
}
