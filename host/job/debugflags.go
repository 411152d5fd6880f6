package job

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// The values of --kg-debug beside on.
const (
	// debugPdb runs items in Python's debugger on the terminal.
	debugPdb = "pdb"
	// debugWait lets a worker wait for a debugger.
	debugWait = "wait"
)

// DebugFlags are about looking for a fault.
type DebugFlags struct {
	Mode string `name:"kg-debug" enum:",on,wait,pdb" default:"" placeholder:"[=on|wait|pdb]" help:"Do one item at a time in one worker; show messages by kind and size, what plugins print as it is, and tracebacks with local variables. Secrets are masked by the name of their variable. wait: the worker tells its process id, and waits for a debugger. pdb: Python items run in pdb on the terminal. A value is written with =."`
	// Once is set by the command debug: one item, also one that is finished.
	Once bool `kong:"-"`
}

// oneAtATime are the flags of backbones that are 1 in a run that is debugged.
var oneAtATime = []string{"num_process", "chunksize", "num_load", "num_postprocess", "batch_size", "prefetch"}

// debugging makes a spec one that does an item at a time. given are the backbone's flags; those on the command line must not say
// otherwise, and those of the configuration and of the environment give way.
func (f *DebugFlags) debugging(s *Spec, given []Value) (wrong []problem.Problem) {
	if s.Debug = f.Mode; s.Debug == "" {
		return nil
	}
	for _, v := range given {
		name := slices.IndexFunc(oneAtATime, func(name string) bool { return Canonical(name) == Canonical(v.Name) })
		if name >= 0 && v.Source == "" && v.Value != "1" && !f.Once {
			wrong = append(wrong, problem.Problem{
				Source:     "--kg-debug",
				Message:    fmt.Sprintf("it does one item at a time in one worker, and does not go together with --%s %s", oneAtATime[name], v.Value),
				Suggestion: "leave one of them out",
			})
		}
	}
	if s.Debug == debugPdb {
		// One process does all stages of an item.
		s.Task.Capabilities = slices.DeleteFunc(slices.Clone(s.Task.Capabilities), func(c string) bool { return c == "stages" || c == "finish" })
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

// debug is what a worker does in a run that is debugged; nil: it is not. terminal is where pdb runs.
func (s *Spec) debug(terminal string) *plugin.Debug {
	if s.Debug == "" {
		return nil
	}
	return &plugin.Debug{Locals: true, Wait: s.Debug == debugWait, Terminal: terminal}
}

// debuggable says why a run cannot be debugged as it is wanted; nil: it can.
func (s *Session) debuggable(spec *Spec) error {
	flag, name := "--kg-debug="+spec.Debug, s.Found.Command.Name
	waits := "hint: --kg-debug=wait lets the worker wait for a debugger that you attach"
	switch {
	case spec.Debug != debugPdb && spec.Debug != debugWait:
		return nil
	case spec.Debug == debugPdb && !strings.HasPrefix(spec.Plugin.SDK, "python/"):
		return exitcode.Usagef("%s: pdb is Python's, and %s is a plugin in another language; %s", flag, name, waits)
	case !spec.can("debug"):
		return exitcode.Usagef("%s: %s has no part in it (its SDK does not announce \"debug\"); hint: --kg-debug shows what can be seen from outside", flag, name)
	case spec.Debug == debugWait && spec.staged():
		return exitcode.Usagef("%s: the stages of %s run in several processes; hint: --kg-debug shows messages and variables", flag, spec.Task.Name)
	case spec.Debug == debugPdb && s.terminal() == "":
		return exitcode.Usagef("%s: stdin is not a terminal that this process may use; %s", flag, waits)
	}
	return nil
}

// hasPdb reports whether items of the run can be run in Python's debugger.
func (s *Spec) hasPdb() bool {
	return s.can("debug") && strings.HasPrefix(s.Plugin.SDK, "python/") && !s.makesBatches()
}

// terminal is the path of the terminal that this process reads; empty: there is none, or it is not in its foreground.
func (s *Session) terminal() string {
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return ""
	}
	if group, err := unix.IoctlGetInt(stdin, unix.TIOCGPGRP); err == nil && group != unix.Getpgrp() {
		return ""
	}
	if path, err := os.Readlink("/proc/self/fd/0"); err == nil && strings.HasPrefix(path, "/dev/") {
		return path
	}
	return "/dev/tty"
}

// keepTerminal returns what gives the terminal back to this process, as it was: a worker may have died with it.
func keepTerminal() (restore func()) {
	stdin := int(os.Stdin.Fd())
	state, err := term.GetState(stdin)
	if err != nil {
		return func() {}
	}
	return func() {
		// Who is not in the foreground would be stopped.
		signal.Ignore(syscall.SIGTTOU)
		defer signal.Reset(syscall.SIGTTOU)
		_ = unix.IoctlSetPointerInt(stdin, unix.TIOCSPGRP, unix.Getpgrp())
		_ = term.Restore(stdin, state)
	}
}

// evenFinished takes the finish check from a template: what is finished is done again.
func evenFinished(tree *template.Node) {
	if tree != nil && !tree.Get(template.RoleFinishCheck).IsNull() {
		tree.Set(template.RoleFinishCheck, template.Scalar(nil))
	}
}
