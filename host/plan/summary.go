package plan

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Summary is what a run would do.
type Summary struct {
	// Listed counts all items; InShard those of this run's shard that are picked, of which Done are finished, Refused must not begin, and
	// ToDo are the others.
	Listed  uint64 `json:"-"`
	InShard uint64 `json:"items"`
	Done    uint64 `json:"done"`
	ToDo    uint64 `json:"to_do"`
	// Open counts those that another run is working on, and Unfinished those to do whose output exists and is unfinished.
	Open       uint64 `json:"open,omitempty"`
	Unfinished uint64 `json:"unfinished,omitempty"`
	// Outdated counts those to do whose output is whole and older than an input.
	Outdated uint64 `json:"outdated,omitempty"`
	// Unpicked counts those in the shard that Options.Picker did not take.
	Unpicked uint64 `json:"unpicked,omitempty"`
	// Filtered counts those that Options.Sieve left out, of every shard. No other figure has them.
	Filtered uint64 `json:"filtered,omitempty"`
	// Shards has the counts of every shard of soft_shard, by index; nil: there is only one, or more than 4,096.
	Shards []ShardCount `json:"-"`
	// First are the first items to do, as workers would get them.
	First []json.RawMessage `json:"first"`
	// Unlisted is the number of input folders and lines that could not be read.
	Unlisted uint64 `json:"unlisted"`
	// Refusals are the first reasons why the Refused must not begin.
	Refused  uint64   `json:"refused,omitempty"`
	Refusals []string `json:"refusals,omitempty"`
	// Repeated, Outputs and Special count what was left out: lines that repeat an earlier one, outputs of other items, and
	// named pipes, sockets and devices.
	Repeated uint64 `json:"repeated,omitempty"`
	Outputs  uint64 `json:"outputs_left_out,omitempty"`
	Special  uint64 `json:"special_left_out,omitempty"`
	// Incomplete counts groups of files that are no items, because a required file is absent. Surplus counts files that are left out,
	// because a group has another file for their id.
	Incomplete uint64 `json:"incomplete_left_out,omitempty"`
	Surplus    uint64 `json:"surplus_left_out,omitempty"`
	// Warnings are the first warnings, and all those about the listing as a whole. WarningCount counts all.
	Warnings     []Warning `json:"-"`
	WarningCount uint64    `json:"-"`
}

// maxShards is the number of shards up to which a Summary counts each.
const maxShards = 4096

// maxWarnings is the number of warnings that a Summary has.
const maxWarnings = 100

// Summarise lists everything and returns what a run would do, without doing any of it. It returns the first firstN items to
// do. The errors are those of Source.Next; with a *template.InputError, the summary is of what was listed before. Warnings go into the
// summary, so o.Warn is not called.
func Summarise(ctx context.Context, t *template.Template, firstN int, o Options) (Summary, error) {
	var s Summary
	var c Counters
	if n := t.Shard.Count(); n > 1 && n <= maxShards && o.Picker == nil {
		s.Shards = make([]ShardCount, n)
	}
	o.Warn = func(w Warning) {
		// Warnings about the whole listing come once, at the end.
		if w.Path == "" || len(s.Warnings) < maxWarnings {
			s.Warnings = append(s.Warnings, w)
		}
	}
	err := walkInputs(ctx, t, walkOptions{
		Options:  o,
		counters: &c,
		shards:   s.Shards,
		need:     Need{Line: true},
		item: func(i *Item) error {
			switch {
			case i.Refusal != "" && len(s.Refusals) < firstN:
				s.Refusals = append(s.Refusals, i.Refusal)
			case i.Refusal == "" && len(s.First) < firstN:
				s.First = append(s.First, slices.Clone(i.Line))
			}
			return nil
		},
	})
	s.count(&c)
	s.Filtered = o.Sieve.Dropped()
	return s, err
}

// count takes the counts of a walk.
func (s *Summary) count(c *Counters) {
	s.Listed, s.InShard, s.Done, s.ToDo = c.Listed.Load(), c.InShard.Load(), c.Done.Load(), c.ToDo.Load()
	s.Refused, s.Repeated, s.Outputs, s.Special = c.Refused.Load(), c.Repeated.Load(), c.Outputs.Load(), c.Special.Load()
	s.InShard, s.Unpicked = s.InShard-c.Unpicked.Load(), c.Unpicked.Load()
	s.Incomplete, s.Surplus = c.Incomplete.Load(), c.Surplus.Load()
	s.Open, s.Unfinished, s.Outdated = c.Open.Load(), c.Unfinished.Load(), c.Outdated.Load()
	s.WarningCount, s.Unlisted = c.Warnings.Load(), c.Unreadable.Load()+c.BadLines.Load()
}
