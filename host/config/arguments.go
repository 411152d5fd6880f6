package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// storeTrue is how 0.1.1 writes a flag without a value.
const storeTrue = "store_true"

// Arguments is what the command line and the configuration say together of a task's arguments.
type Arguments struct {
	// Args is the argument vector for the task's own parser: the command line's rest, then backbone:, then task:.
	Args []string
	// Host are the values of flags of the host and its backbones that stand in either section, by their name in
	// hostFlags. Those on the command line win; that is the caller's to see to.
	Host map[string]*Value
	// Undeclared are the keys of either section that the task does not declare and that are among Args all the same, with
	// where they stand.
	Undeclared []problem.Problem
	// sources say where a name of Args was written.
	sources map[string]string
}

// Arguments turns the sections task: and backbone: into arguments. rest is what the command line has for the task;
// a name that is given there replaces that of the configuration altogether. hostFlags are the names, without dashes, of
// all flags of the host and its backbones; hyphens and underscores are the same in them. task says what the task
// declares; nil: nothing is known of it.
func (c *Config) Arguments(rest []string, hostFlags map[string]bool, task *schema.Task) (Arguments, []problem.Problem) {
	// What follows -- are positional arguments: flags have to come before it.
	head, tail := rest, []string(nil)
	if i := slices.Index(rest, "--"); i >= 0 {
		head, tail = rest[:i], rest[i:]
	}
	b := &argumentBuilder{
		Arguments: Arguments{Args: slices.Clone(head), Host: map[string]*Value{}, sources: map[string]string{}},
		given:     schema.Given(task, rest), task: task, host: map[string]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(hostFlags)) {
		if hostFlags[name] {
			b.host[fold(name)] = name
		}
	}
	var positionals []*Value
	values := make(map[*Value]*schema.Argument)
	for _, section := range []*Value{c.Backbone, c.Task} {
		for _, e := range section.Entries {
			if e.Value.unresolved || e.Value.isMissing() {
				continue
			}
			if name, ok := b.host[fold(e.Key)]; ok {
				b.Host[name] = e.Value
				continue
			}
			argument := b.find(e.Key)
			if argument == nil {
				b.undeclared(e)
				continue
			}
			if b.given[argument.Name] {
				continue
			}
			if len(argument.Flags) == 0 {
				positionals = append(positionals, e.Value)
				values[e.Value] = argument
				continue
			}
			b.sources[argument.Flags[0]] = e.Value.Source
			b.Args = append(b.Args, b.declared(argument, e)...)
		}
	}
	b.Args = append(b.Args, tail...)
	b.positionals(positionals, values, len(tail) > 0)
	return b.Arguments, b.problems
}

// Locate gives problems of the argument vector the place in the configuration that they came from.
func (a Arguments) Locate(problems []problem.Problem) []problem.Problem {
	located := make([]problem.Problem, len(problems))
	for i, p := range problems {
		if source, ok := a.sources[p.Path]; ok && p.Source == "" {
			p.Source = source
		}
		located[i] = p
	}
	return located
}

type argumentBuilder struct {
	Arguments
	given    map[string]bool
	task     *schema.Task
	host     map[string]string
	problems []problem.Problem
}

// fold makes hyphens and underscores the same.
func fold(name string) string { return strings.ReplaceAll(name, "-", "_") }

// find returns the declared argument that a key names, or nil.
func (b *argumentBuilder) find(key string) *schema.Argument {
	if b.task == nil {
		return nil
	}
	for i := range b.task.Arguments {
		a := &b.task.Arguments[i]
		if fold(a.Name) == fold(key) {
			return a
		}
		for _, f := range a.Flags {
			if fold(strings.TrimLeft(f, "-")) == fold(key) {
				return a
			}
		}
	}
	if flag, yes := b.task.Abbreviates("--" + key); yes {
		return b.find(strings.TrimLeft(flag, "-"))
	}
	return nil
}

// undeclared adds an argument of which nothing is known, in the spelling of 0.1.1.
func (b *argumentBuilder) undeclared(e Entry) {
	wrong := problem.Problem{Source: e.Value.Source, Path: e.Key}
	if b.task != nil && !b.task.OpenArguments {
		var own []string
		for _, a := range b.task.Arguments {
			own = append(own, a.Name)
		}
		wrong.Message, wrong.Suggestion = fmt.Sprintf("%s has no argument %s", b.task.Name, e.Key), problem.Near(e.Key, append(slices.Clone(own), b.hostNames()...))
		if wrong.Suggestion == "" {
			wrong.Suggestion = problem.Meant(e.Key, "its arguments", own)
		}
		if !b.task.Has(schema.Checks) {
			b.problems = append(b.problems, wrong)
			return
		}
	}
	if b.given[e.Key] {
		return
	}
	b.Undeclared = append(b.Undeclared, wrong)
	b.sources["--"+e.Key] = e.Value.Source
	b.Args = append(b.Args, "--"+e.Key)
	if e.Value.Scalar != storeTrue || e.Value.Kind != KindScalar {
		b.Args = append(b.Args, words(e.Value)...)
	}
}

// hostNames are the names of the host's flags, sorted.
func (b *argumentBuilder) hostNames() []string {
	return slices.Sorted(maps.Values(b.host))
}

// words are a value's words in an argument vector: a list has one for each element, a map is one JSON text.
func words(v *Value) []string {
	switch v.Kind {
	case KindMap:
		return []string{v.JSON()}
	case KindList:
		list := make([]string, 0, len(v.Items))
		for _, item := range v.Items {
			if item.Kind == KindScalar {
				list = append(list, item.Text())
			} else {
				list = append(list, item.JSON())
			}
		}
		return list
	}
	return []string{v.Text()}
}

// wordsFor are a value's words for an argument. One that takes text gets what was written, but for true and false: those
// are True and False, as kagurazaka 0.1.1 writes them, in an argument that is text because it has no type.
func wordsFor(a *schema.Argument, v *Value) []string {
	list := words(v)
	if a.Type != schema.String && a.Type != schema.Path {
		return list
	}
	items := []*Value{v}
	if v.Kind == KindList {
		items = v.Items
	}
	for i, item := range items {
		_, isBool := item.Scalar.(bool)
		switch {
		case item.Kind != KindScalar, item.written == "", isBool && strings.EqualFold(item.written, list[i]):
		case len(a.Choices) == 0 || slices.Contains(a.Choices, any(item.written)) || !slices.Contains(a.Choices, any(list[i])):
			list[i] = item.written
		}
	}
	return list
}

// declared spells out an argument that the task declares.
func (b *argumentBuilder) declared(a *schema.Argument, e Entry) []string {
	v, flag := e.Value, a.Flags[0]
	if v.Kind == KindScalar && v.Scalar == storeTrue {
		return []string{flag}
	}
	if a.Arity == "0" {
		return b.flag(a, v)
	}
	switch {
	case a.Type == schema.JSON:
		return []string{flag, jsonArgument(v)}
	case v.IsNull() && (a.Type == schema.Int || a.Type == schema.Float || a.Type == schema.Bool || a.Type == schema.Duration):
		return nil
	case a.Type == schema.Bool && v.Kind == KindScalar:
		if yes, ok := v.Scalar.(bool); ok && a.Arity == "" && a.Negatable {
			return b.flag(a, newScalar(yes, v.Source))
		}
	case v.Kind == KindList && a.Repeatable && a.Arity == "":
		var all []string
		for _, w := range wordsFor(a, v) {
			all = append(all, single(flag, w)...)
		}
		return all
	}
	list := wordsFor(a, v)
	if len(list) == 1 {
		return single(flag, list[0])
	}
	return append([]string{flag}, list...)
}

// flag spells out a flag without a value.
func (b *argumentBuilder) flag(a *schema.Argument, v *Value) []string {
	yes, ok := v.Scalar.(bool)
	switch {
	case v.IsNull():
		return nil
	case v.Kind != KindScalar || !ok:
		b.problems = append(b.problems, problem.Problem{Source: v.Source, Path: a.Name,
			Message: fmt.Sprintf("%s is a flag: it takes true or false, this is %s", a.Name, v.what())})
		return nil
	case yes:
		return []string{a.Flags[0]}
	case a.Negatable:
		return []string{"--no-" + strings.TrimLeft(a.Flags[0], "-")}
	}
	return nil
}

// single spells out a flag with one value. One that begins with a dash would be taken for a flag if it stood alone.
func single(flag, value string) []string {
	if strings.HasPrefix(value, "-") && strings.HasPrefix(flag, "--") {
		return []string{flag + "=" + value}
	}
	return []string{flag, value}
}

// jsonArgument is a value as one JSON text. A text that is JSON already stays as it is.
func jsonArgument(v *Value) string {
	if s, ok := v.Scalar.(string); ok && v.Kind == KindScalar && json.Valid([]byte(s)) {
		return s
	}
	return v.JSON()
}

// positionals puts the configuration's values for positional arguments behind all others, in their declared order.
func (b *argumentBuilder) positionals(list []*Value, of map[*Value]*schema.Argument, dashes bool) {
	if len(list) == 0 {
		return
	}
	var all []string
	for i := range b.task.Arguments {
		a := &b.task.Arguments[i]
		var chosen *Value
		for _, v := range list {
			if of[v] == a {
				chosen = v // task: comes after backbone: and wins
			}
		}
		if chosen != nil && !chosen.IsNull() {
			b.sources[a.Name] = chosen.Source
			all = append(all, wordsFor(a, chosen)...)
		}
	}
	if len(all) > 0 && !dashes {
		// Behind -- a value that begins with a dash is a value, and no flag before it swallows it.
		b.Args = append(b.Args, "--")
	}
	b.Args = append(b.Args, all...)
}
