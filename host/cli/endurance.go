package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/run"
)

// enduranceFlags are the flags for items that fail or hang and workers that grow.
type enduranceFlags struct {
	Retries     int           `name:"retries" placeholder:"N" help:"Try an item that failed, in whatever way, up to N times more."`
	RetryDelay  time.Duration `name:"retry-delay" default:"1s" help:"The longest wait before the first of --retries; it doubles with each, up to a minute. How long it is in fact is left to chance."`
	ItemTimeout time.Duration `name:"item-timeout" placeholder:"D" help:"End the worker that is on one item for longer than this, as in 90s: the item has failed, the others go to other workers."`
	StallAfter  time.Duration `name:"stall-after" default:"5m" help:"Warn, and name what is in flight, when nothing has moved for so long; 0: never."`

	WorkerMaxItems int    `name:"worker-max-items" placeholder:"N" help:"Replace a worker when it has worked on N items."`
	WorkerMaxRSS   string `name:"worker-max-rss" placeholder:"SIZE" help:"Replace a worker when it and its children have more memory resident than this, as in 800M or 4G. Nothing is lost: it answers first what it has."`
}

// endurance is what a run does about items that fail or hang and workers that grow.
type endurance struct {
	maxFailures run.Limit
	retry       backbones.Retry
	itemTimeout time.Duration
	stallAfter  time.Duration
	// workerItems and workerRSS (bytes) are when a worker is replaced; 0: never.
	workerItems int
	workerRSS   int64
}

// endurance reads the flags, all problems at once.
func (f *hostFlags) endurance() (endurance, []problem.Problem) {
	var wrong []problem.Problem
	say := func(format string, args ...any) {
		wrong = append(wrong, problem.Problem{Message: fmt.Sprintf(format, args...)})
	}
	e := endurance{
		retry:       backbones.Retry{Limit: f.Retries, Backoff: backbones.Backoff{First: f.RetryDelay}},
		itemTimeout: f.ItemTimeout, stallAfter: f.StallAfter, workerItems: f.WorkerMaxItems,
	}
	limit, err := run.ParseLimit(f.MaxFailures)
	if err != nil {
		say("%s", err)
	}
	e.maxFailures = limit
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"retry-delay", f.RetryDelay}, {"item-timeout", f.ItemTimeout}, {"stall-after", f.StallAfter}} {
		if d.value < 0 {
			say("--%s %s: give a time such as 30s or 5m, or 0", d.flag, d.value)
		}
	}
	if f.CloseTimeout <= 0 {
		say("--close-timeout %s: give a time such as 30s or 5m", f.CloseTimeout)
	}
	if f.Retries < 0 {
		say("--retries %d: give how often a failed item is tried again, 0 or more", f.Retries)
	}
	if f.WorkerMaxItems < 0 {
		say("--worker-max-items %d: give a number of items, or 0 for any number", f.WorkerMaxItems)
	}
	if e.workerRSS, err = parseSize(f.WorkerMaxRSS); err != nil {
		say("--worker-max-rss %s: %s", f.WorkerMaxRSS, err)
	} else if e.workerRSS > 0 && !plugin.CanMeasure() {
		say("--worker-max-rss: the memory of processes can be measured on Linux alone")
	}
	return e, wrong
}

// parseSize reads a number of bytes with one of the suffixes K, M, G and T, powers of 1024, which B or iB may follow.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number := strings.ToUpper(strings.TrimSpace(text))
	number = strings.TrimSuffix(strings.TrimSuffix(number, "B"), "I")
	shift := 0
	if n := len(number); n > 0 {
		if i := strings.IndexByte("KMGT", number[n-1]); i >= 0 {
			number, shift = number[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	v *= float64(int64(1) << shift)
	if err != nil || !(v >= 0 && v < math.MaxInt64) {
		return 0, fmt.Errorf("give a number of bytes, such as 800M or 4G")
	}
	return int64(v), nil
}
