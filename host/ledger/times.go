package ledger

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// The forms of kindSeconds.
const (
	formEach = 0
	formMean = 1
)

// timesARecord is how many times a record has at most. It is far below maxPayload.
const timesARecord = 8192

// timed is consecutive items with their mean time in microseconds, or each one's.
type timed struct {
	backbones.Span
	mean uint32
	each []uint32
}

// microseconds is a time as records have it.
func microseconds(d time.Duration) uint32 {
	return uint32(min(max((d+time.Microsecond/2)/time.Microsecond, 0), math.MaxUint32))
}

// timed adds the times and attempts of items that are done. The caller holds the lock.
func (l *Ledger) timed(o backbones.Outcomes) {
	l.attempts = append(l.attempts, o.Attempts...)
	if o.Mean <= 0 && len(o.Each) == 0 {
		return
	}
	mean, each := microseconds(o.Mean), o.Each
	for _, span := range o.Done {
		t := timed{Span: span, mean: mean}
		switch {
		case each == nil:
		case len(each) == 0:
			return
		default:
			t.Count = min(t.Count, len(each))
			t.each, each = each[:t.Count], each[t.Count:]
		}
		l.times = append(l.times, t)
	}
}

// writeTimes makes records of the times and attempts that wait. Items that follow each other share one. The caller holds the lock.
func (l *Ledger) writeTimes() {
	slices.SortFunc(l.times, func(a, b timed) int { return cmp.Compare(a.First, b.First) })
	var some []uint64
	next := uint64(0)
	hand := func() {
		if len(some) > 0 {
			l.out.record(kindSeconds, some)
		}
		some = some[:0]
	}
	for i, t := range l.times {
		l.times[i].each = nil
		if t.each == nil && t.Count > 1 {
			hand()
			l.out.record(kindSeconds, []uint64{formMean, t.First, uint64(t.Count), uint64(t.mean)})
			continue
		}
		if t.First != next || len(some) > timesARecord {
			hand()
		}
		if len(some) == 0 {
			some = append(some, formEach, t.First)
		}
		for _, us := range t.each {
			some = append(some, uint64(us))
		}
		if t.each == nil {
			some = append(some, uint64(t.mean))
		}
		next = end(t.Span)
	}
	hand()
	l.times = l.times[:0]

	slices.SortFunc(l.attempts, func(a, b backbones.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	some = some[:0]
	for _, a := range l.attempts {
		if len(some) > 0 && (a.Number != next || len(some) > timesARecord) {
			l.out.record(kindAttempts, some)
			some = some[:0]
		}
		if len(some) == 0 {
			some = append(some, a.Number)
		}
		some = append(some, uint64(a.Count))
		next = a.Number + 1
	}
	if len(some) > 0 {
		l.out.record(kindAttempts, some)
	}
	l.attempts = l.attempts[:0]
}
