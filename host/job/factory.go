package job

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Factory is a backbone as a user chooses it: its name, its flags, and how it is made. Each has a file, such as mp.go.
type Factory struct {
	// Name is what --backbone calls it; Aliases are further names.
	Name    string
	Aliases []string
	// Summary is the first line of its help, Tasks the tasks that it is for: "device tasks".
	Summary, Tasks string
	// Accepts are the encodings that it can hand to its workers. Where Indexed is not among them, no listing yields such blocks.
	Accepts []backbones.Encoding
	// Flags are its own, declared as a task's arguments are. Backbones that share a flag declare it alike.
	Flags func() []Flag
	// Fits says why the backbone cannot run a task; nil: it can. auto takes the first backbone that fits.
	Fits func(*schema.Task) error
	// Complete sets Workers, Device, Spawn and the flags that were not given. It starts nothing, and asks the machine for its CPUs alone;
	// may be nil.
	Complete func(*Spec, hclog.Logger) error
	// New makes the backbone of one run, ready for Run.
	New func(context.Context, *Spec, backbones.Policy, Local) (backbones.Backbone, error)
	// Describe adds to its help what this machine has for it, and what a Spec of flags alone gives to whom; may be nil.
	Describe func(context.Context, io.Writer, *Spec) error
}

// Local is what a backbone may use of this machine. One that has workers of its own kind needs nothing of it.
type Local struct {
	*Place
	// Remaining tells how many items the source has still to yield, once it knows.
	Remaining func() (n int, known bool)
}

// factories are all backbones, the default first.
var factories []*Factory

func init() { factories = []*Factory{mpFactory, cudaFactory} }

// Register adds a backbone, before the command line is read. It returns what takes it away again.
func Register(f *Factory) (remove func()) {
	factories = append(slices.Clip(factories), f)
	return func() {
		factories = slices.DeleteFunc(slices.Clone(factories), func(other *Factory) bool { return other == f })
	}
}

// BackboneNames are the values of --backbone.
func BackboneNames() []string {
	names := []string{"auto"}
	for _, f := range factories {
		names = append(append(names, f.Name), f.Aliases...)
	}
	return names
}

// Backbone returns the backbone of a name. For auto it is the one that runs the task, for a task that is not known (nil) the default.
func Backbone(name string, task *schema.Task) *Factory {
	for _, f := range factories {
		if name == f.Name || slices.Contains(f.Aliases, name) || name == "auto" && task != nil && f.Fits(task) == nil {
			return f
		}
	}
	return factories[0]
}

// DescribeHere writes what this machine has for the backbone, as the flags that were given would use it.
func (f *Factory) DescribeHere(ctx context.Context, out io.Writer, given []Value, task *schema.Task, log hclog.Logger) error {
	flags, problems := readBackbone(given)
	if err := problem.Err(problems); err != nil || f.Describe == nil {
		return err
	}
	s := &Spec{Backbone: f.Name, Flags: flags}
	switch {
	case task != nil:
		s.Task = *task
	case f == cudaFactory:
		s.Task = schema.Task{Kind: schema.Device, Capabilities: []string{"stages", "finish"}}
	}
	if f.Complete != nil {
		if err := f.Complete(s, log); err != nil {
			return exitcode.With(exitcode.Usage, err)
		}
	}
	return f.Describe(ctx, out, s)
}

// Arguments are the backbone's flags, for help and checks.
func (f *Factory) Arguments() []schema.Argument { return arguments(f.Flags()) }

func arguments(flags []Flag) []schema.Argument {
	out := make([]schema.Argument, len(flags))
	for i, flag := range flags {
		out[i] = flag.Argument
	}
	return out
}

// Declares reports whether the backbone has a flag. Hyphens and underscores in its name are the same.
func (f *Factory) Declares(name string) bool {
	return slices.ContainsFunc(f.Flags(), func(flag Flag) bool { return Canonical(flag.Name) == Canonical(name) })
}

// OtherBackbone is a backbone beside f that has a flag; nil: none has.
func (f *Factory) OtherBackbone(name string) *Factory {
	for _, other := range factories {
		if other != f && other.Declares(name) {
			return other
		}
	}
	return nil
}

// BackboneFlags are the flags of all backbones, each once: a command line is taken apart before its backbone is known.
func BackboneFlags() []Flag {
	var all []Flag
	for _, f := range factories {
		for _, flag := range f.Flags() {
			if !slices.ContainsFunc(all, func(other Flag) bool { return other.Name == flag.Name }) {
				all = append(all, flag)
			}
		}
	}
	return all
}

// TasksFlags are flags of backbones that are for some tasks alone.
type TasksFlags struct {
	Tasks     string
	Arguments []schema.Argument
}

// FlagsByTasks are the flags of all backbones for help: those that all have, and the others of each.
func FlagsByTasks() (shared []schema.Argument, parts []TasksFlags) {
	for _, flag := range BackboneFlags() {
		if !slices.ContainsFunc(factories, func(f *Factory) bool { return !f.Declares(flag.Name) }) {
			shared = append(shared, flag.Argument)
		}
	}
	for _, f := range factories {
		own := slices.DeleteFunc(f.Arguments(), func(a schema.Argument) bool {
			return slices.ContainsFunc(shared, func(other schema.Argument) bool { return other.Name == a.Name })
		})
		parts = append(parts, TasksFlags{f.Tasks, own})
	}
	return shared, parts
}

// CheckBackbone returns what is wrong with flags of backbones for a run with the backbone of a name; empty: one that is not known yet.
func CheckBackbone(values []Value, name string) error {
	given, problems := readBackbone(values)
	if err := problem.Err(problems); err != nil || name == "" {
		return err
	}
	return Backbone(name, nil).only(given)
}

// taken are the flags of this backbone among those that were given, read from values. Those of others are wrong, but in the environment.
func (f *Factory) taken(values []Value, given map[string]string) (map[string]string, error) {
	own := maps.Clone(given)
	for _, v := range values {
		if v.Source != "" && !f.Declares(v.Name) {
			maps.DeleteFunc(own, func(name, _ string) bool { return Canonical(name) == Canonical(v.Name) })
		}
	}
	return own, f.only(own)
}

// only returns which of some flags are another backbone's.
func (f *Factory) only(given map[string]string) error {
	var problems []problem.Problem
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if other := f.OtherBackbone(name); other != nil && !f.Declares(name) {
			problems = append(problems, problem.Problem{Source: "--" + name, Message: fmt.Sprintf("it is a flag for %s, and the run is for %s", other.Tasks, f.Tasks), Suggestion: "leave it out"})
		}
	}
	return problem.Err(problems)
}

// BackboneArguments are BackboneFlags for help.
func BackboneArguments() []schema.Argument { return arguments(BackboneFlags()) }

// Flag is a flag of a backbone.
type Flag struct {
	schema.Argument
	// Its values are the Words, what Pattern matches, and the numbers from 1 to Most.
	Words   []string
	Pattern *regexp.Regexp
	Most    int
	// Check returns what is wrong with a value; nil: Words, Pattern and Most judge it.
	Check func(value string) error
	// Want is what a value must be, for a message about any other.
	Want string
	// Where: the flag says where the work is done. No variable gives it.
	Where bool
}

// wrong says what is wrong with a value; empty: nothing.
func (f *Flag) wrong(value string) string {
	if f.Check != nil {
		if err := f.Check(value); err != nil {
			return fmt.Sprintf("%v; it must be %s", err, f.Want)
		}
		return ""
	}
	n, err := strconv.Atoi(value)
	if err == nil && n >= 1 && n <= f.Most || slices.Contains(f.Words, value) || f.Pattern != nil && f.Pattern.MatchString(value) {
		return ""
	}
	return "must be " + f.Want
}

// flag declares a flag that is written with underscores or hyphens.
func flag(name, help, want string) Flag {
	spellings := []string{"--" + name}
	if other := Canonical(name); other != name {
		spellings = append(spellings, "--"+other)
	}
	return Flag{Argument: schema.Argument{Name: name, Flags: spellings, Help: help}, Want: want}
}

// number makes the flag take a number from 1 to most.
func (f Flag) number(most int) Flag {
	f.Type, f.Most = schema.Int, most
	return f
}

// orNumber makes the flag take one of the words, or a number of any size.
func (f Flag) orNumber(typeName string, words ...string) Flag {
	f.Type, f.TypeName, f.Words, f.Most = schema.Custom, typeName, words, math.MaxInt
	return f
}

// choice makes the flag take one of the words. The first is the default.
func (f Flag) choice(words ...string) Flag {
	f.Type, f.Words = schema.String, words
	for _, w := range words {
		f.Choices = append(f.Choices, w)
	}
	return f.byDefault(words[0])
}

func (f Flag) byDefault(value any) Flag {
	f.Default, f.HasDefault = value, true
	return f
}

// processes is a flag for a number of processes, without it one for each CPU.
func processes(name, what, want string, most int) Flag {
	help := "Number of " + what + "; by default one for each CPU that the process may use"
	return flag(name, help, want).number(most).byDefault(json.Number(strconv.Itoa(defaultWorkers())))
}

// defaultWorkers is the number of workers that keep the CPUs busy which the process may use, by its affinity and its control group's quota.
// As in any Go program, GOMAXPROCS lowers it.
func defaultWorkers() int {
	n := cpu.Here().Workers()
	if most, err := strconv.Atoi(os.Getenv("GOMAXPROCS")); err == nil && most > 0 {
		n = min(n, most)
	}
	return n
}

const startMethod = "start_method"

func startMethodFlag() Flag {
	return flag(startMethod, "For plugins that can make their own workers (Python): fork them once everything is imported and built, or start each from scratch",
		"fork or spawn").choice("fork", "spawn")
}

// Value is a flag of a backbone as it was given. Source is where in a configuration that was, or the variable; empty for the command line.
type Value struct{ Name, Value, Source string }

// VariablePrefix begins the name of a variable that gives a flag.
const VariablePrefix = "KAGURAZAKA_"

func (v Value) isVariable() bool { return strings.HasPrefix(v.Source, VariablePrefix) }

// readBackbone reads the backbones' flags, by their names. The last of several wins.
func readBackbone(values []Value) (map[string]string, []problem.Problem) {
	given := map[string]string{}
	var problems []problem.Problem
	all := BackboneFlags()
	for _, v := range values {
		i := slices.IndexFunc(all, func(f Flag) bool { return Canonical(f.Name) == Canonical(v.Name) })
		if i < 0 {
			continue
		}
		if why := all[i].wrong(v.Value); why != "" {
			wrong := problem.Problem{Source: v.Source, Path: "--" + all[i].Name, Message: fmt.Sprintf("%s, not %s", why, terminal.Quote(v.Value))}
			switch {
			case v.Source == "":
				wrong = problem.Problem{Source: "--" + all[i].Name + " " + terminal.Quote(v.Value), Message: why}
			case v.isVariable():
				wrong = problem.Problem{Source: v.Source + "=" + terminal.Quote(v.Value), Message: why}
			}
			if v.Value == "0" && all[i].Name == "num_process" {
				wrong.Suggestion = "0 is for the coordinator of other machines, together with --listen or --nats"
			}
			problems = append(problems, wrong)
			continue
		}
		given[all[i].Name] = v.Value
	}
	return given, problems
}

// Canonical is a flag's name with hyphens, without its dashes.
func Canonical(name string) string { return strings.ReplaceAll(strings.TrimLeft(name, "-"), "_", "-") }
