package job

import (
	"fmt"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
)

// DebugFlags are about looking for a fault.
type DebugFlags struct {
	Mode string `name:"kg-debug" enum:",on" default:"" placeholder:"on" help:"Do one item at a time in one worker; show messages by kind and size, what plugins print as it is, and tracebacks with local variables. Secrets are masked by the name of their variable. A value is written with =."`
}

// oneAtATime are the flags of backbones that are 1 in a run that is debugged.
var oneAtATime = []string{"num_process", "chunksize", "num_load", "num_postprocess", "batch_size", "prefetch"}

// debugging makes a spec one that does an item at a time. given are the backbone's flags on the command line, which must not say
// otherwise; what the configuration says gives way.
func (f *DebugFlags) debugging(s *Spec, given []Value) (wrong []problem.Problem) {
	if s.Debug = f.Mode; s.Debug == "" {
		return nil
	}
	for _, v := range given {
		name := slices.IndexFunc(oneAtATime, func(name string) bool { return Canonical(name) == Canonical(v.Name) })
		if name >= 0 && v.Value != "1" {
			wrong = append(wrong, problem.Problem{
				Message:    fmt.Sprintf("--kg-debug does one item at a time in one worker, and does not go together with --%s %s", oneAtATime[name], v.Value),
				Suggestion: "leave one of them out",
			})
		}
	}
	for _, name := range oneAtATime {
		delete(s.Flags, name)
		if s.staged() && Backbone(s.Backbone, nil).Declares(name) {
			s.Flags[name] = "1"
		}
	}
	s.Policy.Retry.Limit, s.Policy.ItemTimeout, s.Policy.StallAfter = 0, 0, 0
	return wrong
}

// alone sets what the backbone completed to one item at a time.
func (s *Spec) alone() {
	if s.Debug != "" {
		s.Workers, s.ChunkSize = 1, 1
	}
}

// ahead is how many chunks a worker has at a time; most is that of a run that is not debugged.
func (s *Spec) ahead(most int) int {
	if s.Debug != "" {
		return 1
	}
	return most
}

// debug is what a worker does in a run that is debugged; nil: it is not.
func (s *Spec) debug() *plugin.Debug {
	if s.Debug == "" {
		return nil
	}
	return &plugin.Debug{Locals: true}
}
