package lease

import (
	"context"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

const (
	// maxUntold is the number of items with unreported outcomes at which the backbone must wait.
	maxUntold = 1 << 20
	// maxReportText bounds the texts of the failures in one report, maxReportOutcomes the outcomes.
	maxReportText     = 256 << 10
	maxReportOutcomes = 1024
)

// lingering is how long outcomes wait for others before they are reported, unless a lease ends with them.
const lingering = 250 * time.Millisecond

// task is outcomes of one lease for Settle.
type task struct {
	hold     *hold
	outcomes backbones.Outcomes
}

// take is the backbone's sink.
func (p *Puller) take(o backbones.Outcomes) error {
	p.mu.Lock()
	tasks := p.mine(o)
	if o.Mean > 0 {
		if p.perItem == 0 {
			p.perItem = o.Mean
		}
		p.perItem = max(p.perItem+(o.Mean-p.perItem)/4, 1)
	}
	full := p.untold >= maxUntold
	p.mu.Unlock()
	wake(p.pulls)
	for _, t := range tasks {
		if p.o.Settle == nil && !full {
			p.settled(t, t.outcomes)
			continue
		}
		// The backbone begins nothing more while this blocks.
		select {
		case p.settling <- t:
		case <-p.stopped.c:
			// The backbone ended without waiting for its outcomes. Their items are done again.
			return nil
		}
	}
	return nil
}

// mine takes the outcomes that the node still owes, by their leases.
func (p *Puller) mine(o backbones.Outcomes) (tasks []task) {
	of := func(h *hold, n int) *backbones.Outcomes {
		h.settling += n
		p.untold += n
		for i := range tasks {
			if tasks[i].hold == h {
				return &tasks[i].outcomes
			}
		}
		tasks = append(tasks, task{h, backbones.Outcomes{Worker: o.Worker, Mean: o.Mean}})
		return &tasks[len(tasks)-1].outcomes
	}
	p.each(o.Done, func(h *hold, first, count int) {
		h.paid(first, count)
		part := of(h, count)
		part.Done = h.pack.spans(part.Done, first, count)
	})
	p.each(o.Skipped, func(h *hold, first, count int) {
		h.paid(first, count)
		part := of(h, count)
		part.Skipped = h.pack.spans(part.Skipped, first, count)
	})
	for _, f := range o.Failed {
		p.each([]backbones.Span{{First: f.Number, Count: 1}}, func(h *hold, first, count int) {
			h.paid(first, count)
			part := of(h, count)
			part.Failed = append(part.Failed, f)
		})
	}
	unwritten := o.Unwritten
	for i := range tasks {
		part := &tasks[i].outcomes
		part.Attempts = attempts(part.Done, o.Attempts)
		if len(part.Done) > 0 {
			part.Unwritten, unwritten = unwritten, backbones.Unwritten{}
		}
	}
	return tasks
}

// settle puts outputs in place until the backbone has ended and nothing waits.
func (p *Puller) settle(ctx context.Context) {
	for {
		select {
		case t := <-p.settling:
			p.settleAll(ctx, t)
			continue
		case <-p.stopped.c:
		}
		select {
		case t := <-p.settling:
			p.settleAll(ctx, t)
		default:
			return
		}
	}
}

// maxTogether bounds how many items are settled together: a grant for all of them costs what one for a single item does.
const maxTogether = 1024

// settleAll settles outcomes together with what waits behind them, if that is of the same worker and lease.
func (p *Puller) settleAll(ctx context.Context, t task) {
	for size(t.outcomes) < maxTogether {
		select {
		case next := <-p.settling:
			if next.hold == t.hold && next.outcomes.Worker == t.outcomes.Worker {
				t.outcomes = together(t.outcomes, next.outcomes)
				continue
			}
			p.settleOne(ctx, t)
			t = next
			continue
		default:
		}
		break
	}
	p.settleOne(ctx, t)
}

// together are the outcomes of one worker that came one after the other.
func together(a, b backbones.Outcomes) backbones.Outcomes {
	count := func(o backbones.Outcomes) (n int) {
		for _, s := range o.Done {
			n += s.Count
		}
		return n
	}
	if n, m := count(a), count(b); n+m > 0 {
		a.Mean = (a.Mean*time.Duration(n) + b.Mean*time.Duration(m)) / time.Duration(n+m)
	}
	a.Done, a.Skipped, a.Failed, a.Attempts = append(a.Done, b.Done...), append(a.Skipped, b.Skipped...), append(a.Failed, b.Failed...), append(a.Attempts, b.Attempts...)
	if a.Unwritten.Count == 0 {
		a.Unwritten = b.Unwritten
	} else {
		a.Unwritten.Count += b.Unwritten.Count
	}
	return a
}

func (p *Puller) settleOne(ctx context.Context, t task) {
	told := t.outcomes
	if p.o.Settle != nil {
		var err error
		told, err = p.o.Settle(ctx, t.outcomes, func(ctx context.Context, items []backbones.Span) (Granted, error) { return p.grant(ctx, t.hold, items) })
		if err != nil {
			if ctx.Err() == nil {
				p.fail(err)
			}
			told = backbones.Outcomes{}
		}
	}
	for ctx.Err() == nil && p.full() {
		select {
		case <-p.told:
		case <-ctx.Done():
		}
	}
	// Others may wait, too.
	wake(p.told)
	p.settled(t, told)
}

// full reports whether too much waits to be reported.
func (p *Puller) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.untold >= 2*maxUntold
}

// settled records what to report of outcomes that came through Settle.
func (p *Puller) settled(t task, told backbones.Outcomes) {
	p.mu.Lock()
	n := size(t.outcomes)
	t.hold.settling -= n
	p.paced(n)
	t.hold.pack.each(t.outcomes.Done, t.hold.begun.remove)
	t.hold.pack.each(t.outcomes.Skipped, t.hold.begun.remove)
	for _, f := range t.outcomes.Failed {
		t.hold.pack.each([]backbones.Span{{First: f.Number, Count: 1}}, t.hold.begun.remove)
	}
	p.untold -= n
	switch {
	case !t.hold.lost:
		if !empty(told) {
			t.hold.out = append(t.hold.out, told)
			p.untold += size(told)
		}
	case t.hold.settling == 0:
		p.remove(t.hold)
	}
	p.mu.Unlock()
	wake(p.reports)
	wake(p.pulls)
}

// paced measures how fast the node's items get their outcomes while it has some. That may be slower than its workers are: outputs are put in place,
// and outcomes come in chunks. The lock is held.
func (p *Puller) paced(n int) {
	now := p.now()
	if p.has && n > 0 {
		each := max(now.Sub(p.settledAt)*time.Duration(p.o.Workers)/time.Duration(n), 1)
		if p.pace == 0 {
			p.pace = each
		}
		p.pace += (min(each, muchLonger*p.pace) - p.pace) / 4
	}
	p.settledAt, p.has = now, false
	for _, h := range p.holds {
		p.has = p.has || h.left+h.settling > 0
	}
}

// laterEvery is the time between two questions about items that a new coordinator has not listed yet.
const laterEvery = 300 * time.Millisecond

// grant asks for the grant of items of a lease.
func (p *Puller) grant(ctx context.Context, h *hold, items []backbones.Span) (Granted, error) {
	for {
		p.mu.Lock()
		lost := h.lost
		ask := Ask{Held: h.held, Items: items}
		if h.former {
			ask.Keys = h.keysOf(items)
		}
		p.mu.Unlock()
		if lost {
			return Granted{}, nil
		}
		granted, err := p.o.Session.Grant(ctx, ask)
		if err != nil || !granted.Later {
			return granted, err
		}
		select {
		case <-time.After(laterEvery):
		case <-ctx.Done():
			return Granted{}, ctx.Err()
		}
	}
}

// report reports until finish is closed and nothing is left to report.
func (p *Puller) report(ctx context.Context, finish <-chan struct{}) {
	// A coordinator that was started again must learn soon what the node is on.
	timer := time.NewTicker(lingering)
	defer timer.Stop()
	last, renewed := time.Time{}, time.Now()
	for finishing := false; ; {
		renew := false
		select {
		case <-p.reports:
		case <-timer.C:
			p.joined(p.o.Session.Generation())
			if renew = time.Since(renewed) >= p.reportEvery(); renew {
				renewed = time.Now()
			}
		case <-finish:
			finish, finishing = nil, true
		case <-ctx.Done():
			return
		}
		for {
			wait := lingering - time.Since(last)
			if finishing || renew || wait <= 0 {
				wait = 0
			}
			r := p.compose(finishing, renew, wait > 0)
			if len(r.Leases) == 0 {
				break
			}
			sent := p.now()
			answer, err := p.o.Session.Report(ctx, r)
			if err != nil {
				if ctx.Err() == nil {
					p.fail(err)
				}
				return
			}
			last, renew = time.Now(), false
			p.answered(r, answer, sent)
		}
		if finishing {
			return
		}
	}
}

// reportEvery is the time between two reports of a node whose workers move.
func (p *Puller) reportEvery() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := defaultLeaseTime
	for _, h := range p.holds {
		every = min(every, h.lasts)
	}
	return max(every/5, time.Millisecond)
}

// compose is the next report. lingers: there is none yet unless a lease ends.
func (p *Puller) compose(finishing, renew, lingers bool) Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lingers && !p.tail {
		urgent := false
		for _, h := range p.holds {
			urgent = urgent || !h.lost && (h.left == 0 && h.settling == 0 || h.former && !h.announced)
		}
		if !urgent {
			return Report{}
		}
	}
	r := Report{Workers: p.o.Workers, Busy: p.busy()}
	text, room := 0, maxReportOutcomes
	for _, h := range p.holds {
		if h.lost {
			continue
		}
		h.telling = 0
		for _, o := range h.out {
			for _, f := range o.Failed {
				text += textOf(f)
			}
			if room == 0 || text > maxReportText && room < maxReportOutcomes {
				room = 0
				break
			}
			room--
			h.telling++
			progress := Progress{Held: h.held, Outcomes: o}
			if h.former {
				progress.Keys = append(h.keysOf(o.Done), h.keysOf(o.Skipped)...)
				for _, f := range o.Failed {
					progress.Keys = append(progress.Keys, h.keysOf([]backbones.Span{{First: f.Number, Count: 1}})...)
				}
			}
			r.Leases = append(r.Leases, progress)
		}
		last := Progress{Held: h.held, Moved: p.looked && !h.dropped}
		all := h.telling == len(h.out) && h.settling == 0
		if finishing && h.left > 0 && all {
			last.Returned = h.unpaid()
			clear(h.pending)
			h.left = 0
		}
		last.Ended = all && h.left == 0
		announce := h.former && !last.Ended && (renew || !h.announced)
		if announce {
			last.Keys = h.at()
			h.announced = true
		}
		if last.Ended || renew && last.Moved || announce || h.telling > 0 {
			r.Leases = append(r.Leases, last)
		}
	}
	if len(r.Leases) > 0 {
		p.sequence++
		r.Sequence = p.sequence
		if renew {
			p.looked = false
		}
	}
	return r
}

// textOf is the size of a failure's texts.
func textOf(f backbones.FailedItem) int {
	n := len(f.Item) + len(f.Failure.Message) + len(f.Failure.Traceback)
	for _, line := range f.Failure.Log {
		n += len(line)
	}
	return n
}

// answered takes the answer to a report.
func (p *Puller) answered(r Report, answer Reported, sent time.Time) {
	p.mu.Lock()
	for _, progress := range r.Leases {
		h := p.holds[holdID{progress.Held.Generation, progress.Held.ID}]
		if h == nil {
			continue
		}
		if progress.Held.Generation < answer.Generation && len(progress.Keys) == 0 && (h.left > 0 || len(h.out) > 0) {
			// The new coordinator needs keys. The same is reported again with them.
			h.telling = 0
			continue
		}
		for _, o := range h.out[:h.telling] {
			p.untold -= size(o)
		}
		if h.out = h.out[h.telling:]; len(h.out) == 0 {
			h.out = nil
		}
		h.telling = 0
		if progress.Ended {
			p.remove(h)
		}
	}
	for _, held := range answer.Renewed {
		if h := p.holds[holdID{held.Generation, held.ID}]; h != nil {
			h.until = sent.Add(h.lasts)
		}
	}
	for _, held := range answer.Lost {
		if h := p.holds[holdID{held.Generation, held.ID}]; h != nil {
			if h.left > 0 {
				p.log.Debug("a lease is another node's now", "lease", held.ID, "items", h.left)
			}
			p.lose(h)
		}
	}
	if answer.Stop && !p.over {
		p.over, p.interrupted = true, true
		p.drain.close()
	}
	p.mu.Unlock()
	wake(p.told)
	wake(p.source)
	p.heard(answer.Generation, answer.Tail, answer.Quarantined)
}
