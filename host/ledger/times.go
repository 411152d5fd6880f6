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

// timed is consecutive items with their mean time in microseconds, or one item with its own.
type timed struct {
	backbones.Span
	time uint32
	own  bool
}

// microseconds is a time as records have it.
func microseconds(d time.Duration) uint32 {
	return uint32(min(max((d+time.Microsecond/2)/time.Microsecond, 0), math.MaxUint32))
}

// timed adds the times and attempts of items that are done. The caller holds the lock.
func (l *Ledger) timed(o backbones.Outcomes) {
	l.attempts = append(l.attempts, o.Attempts...)
	if o.Mean <= 0 {
		return
	}
	for _, span := range o.Done {
		l.times = append(l.times, timed{span, microseconds(o.Mean), len(o.Done) == 1 && span.Count == 1 && len(o.Skipped) == 0})
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
	for _, t := range l.times {
		if !t.own {
			hand()
			l.out.record(kindSeconds, []uint64{formMean, t.First, uint64(t.Count), uint64(t.time)})
			continue
		}
		if t.First != next || len(some) > timesARecord {
			hand()
		}
		if len(some) == 0 {
			some = append(some, formEach, t.First)
		}
		some = append(some, uint64(t.time))
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
