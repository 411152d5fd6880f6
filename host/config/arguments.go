package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// storeTrue is the value of a flag without a value, as in 0.1.1.
const storeTrue = "store_true"

// Arguments are a task's arguments, from the command line and the configuration together.
type Arguments struct {
	// Args is the argument vector for the task's parser: the command line's rest, then backbone:, then task:.
	Args []string
	// Host holds the values of the host's and backbones' flags in either section, by their name in hostFlags. The caller
	// lets the command line win.
	Host map[string]*Value
	// Undeclared has a problem for each argument in Args that the task does not declare.
	Undeclared []problem.Problem
	// sources are the positions of names in Args.
	sources map[string]string
}

// Arguments turns the sections task: and backbone: into arguments. rest is the command line's part for the task. A name in it
// replaces that of the configuration. hostFlags are the names, without dashes, of the flags of the host and its backbones, where
// a hyphen and an underscore are the same.
func (c *Config) Arguments(rest []string, hostFlags []string, task *schema.Task) (Arguments, []problem.Problem) {
	// Flags must come before --.
	head, tail := rest, []string(nil)
	if i := slices.Index(rest, "--"); i >= 0 {
		head, tail = rest[:i], rest[i:]
	}
	b := &argumentBuilder{
		Arguments: Arguments{Args: slices.Clone(head), Host: map[string]*Value{}, sources: map[string]string{}},
		given:     schema.Given(task, rest), task: task, host: map[string]string{},
	}
	for _, name := range hostFlags {
		b.host[fold(name)] = name
	}
	positionals := map[*schema.Argument]*Value{}
	for _, section := range []*Value{c.Backbone, c.Task} {
		for _, e := range section.Entries {
			if e.Value.isMissing() {
				b.missing(e)
				continue
			}
			if e.Value.unresolved {
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
				positionals[argument] = e.Value // task: comes after backbone: and wins
				continue
			}
			b.sources[argument.Flags[0]] = e.Value.Source
			b.Args = append(b.Args, b.declared(argument, e)...)
		}
	}
	b.Args = append(b.Args, tail...)
	b.positionals(positionals, len(tail) > 0)
	return b.Arguments, b.problems
}

// Source is the position in the configuration of an argument in Args, by its first flag or, without one, its name; empty: the command line has it.
func (a Arguments) Source(name string) string { return a.sources[name] }

// Locate adds the position in the configuration to problems of the argument vector.
func (a Arguments) Locate(problems []problem.Problem) []problem.Problem {
	located := slices.Clone(problems)
	for i, p := range located {
		located[i].Source = cmp.Or(p.Source, a.sources[p.Path])
	}
	return located
}

type argumentBuilder struct {
	Arguments
	// given are the names on the command line.
	given map[string]bool
	task  *schema.Task
	// host are the names of the host's flags by their folded form.
	host     map[string]string
	problems []problem.Problem
}

// fold makes hyphens and underscores the same.
func fold(name string) string { return strings.ReplaceAll(name, "-", "_") }

// find returns the declared argument that a key names, or nil.
func (b *argumentBuilder) find(key string) *schema.Argument {
	for i := range b.task.Arguments {
		a := &b.task.Arguments[i]
		named := func(flag string) bool { return fold(strings.TrimLeft(flag, "-")) == fold(key) }
		if named(a.Name) || slices.ContainsFunc(a.Flags, named) {
			return a
		}
	}
	if flag, yes := b.task.Abbreviates("--" + key); yes {
		return b.find(strings.TrimLeft(flag, "-"))
	}
	return nil
}

// missing notes where ??? stands: a required argument is to be given there.
func (b *argumentBuilder) missing(e Entry) {
	switch a := b.find(e.Key); {
	case a == nil || b.given[a.Name]:
	case len(a.Flags) == 0:
		b.sources[a.Name] = e.Value.Source
	default:
		b.sources[a.Flags[0]] = e.Value.Source
	}
}

// undeclared adds an argument that the task does not declare, in the spelling of 0.1.1.
func (b *argumentBuilder) undeclared(e Entry) {
	wrong := problem.Problem{Source: e.Value.Source, Path: e.Key}
	if !b.task.OpenArguments {
		var own []string
		for _, a := range b.task.Arguments {
			own = append(own, a.Name)
		}
		all := slices.Concat(own, slices.Sorted(maps.Values(b.host)))
		wrong.Message = fmt.Sprintf("%s has no argument %s", b.task.Name, e.Key)
		wrong.Suggestion = cmp.Or(problem.Near(e.Key, all), problem.Meant(e.Key, "its arguments", own))
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

// elements are the elements of a list. Any other value is one element.
func (v *Value) elements() []*Value {
	if v.Kind == KindList {
		return v.Items
	}
	return []*Value{v}
}

// words are a value's words in an argument vector: one for each element, and a list or map in it as JSON.
func words(v *Value) []string {
	var list []string
	for _, item := range v.elements() {
		if item.Kind == KindScalar {
			list = append(list, item.Text())
		} else {
			list = append(list, item.JSON())
		}
	}
	return list
}

// wordsFor are a value's words for an argument. One for text gets the text as written, except True and False, as in 0.1.1.
func wordsFor(a *schema.Argument, v *Value) []string {
	list := words(v)
	if a.Type != schema.String && a.Type != schema.Path {
		return list
	}
	for i, item := range v.elements() {
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
	case a.Type == schema.Bool && a.Arity == "" && a.Negatable && (v.Scalar == true || v.Scalar == false):
		return b.flag(a, v)
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
			Message: "must be true or false, not " + v.what()})
		return nil
	case yes:
		return []string{a.Flags[0]}
	case a.Negatable:
		return []string{"--no-" + strings.TrimLeft(a.Flags[0], "-")}
	}
	return nil
}

// single spells out a flag with one value. A value that begins with a dash must not stand alone: it would be read as a flag.
func single(flag, value string) []string {
	if strings.HasPrefix(value, "-") && strings.HasPrefix(flag, "--") {
		return []string{flag + "=" + value}
	}
	return []string{flag, value}
}

// jsonArgument is a value as one JSON text. A text that is JSON stays as it is.
func jsonArgument(v *Value) string {
	if s, ok := v.Scalar.(string); ok && v.Kind == KindScalar && json.Valid([]byte(s)) {
		return s
	}
	return v.JSON()
}

// positionals adds the configuration's values of positional arguments at the end, in their declared order.
func (b *argumentBuilder) positionals(values map[*schema.Argument]*Value, dashes bool) {
	if len(values) == 0 {
		return
	}
	var all []string
	for i := range b.task.Arguments {
		a := &b.task.Arguments[i]
		if v := values[a]; !v.IsNull() {
			b.sources[a.Name] = v.Source
			all = append(all, wordsFor(a, v)...)
		}
	}
	if len(all) > 0 && !dashes {
		// After -- a value may begin with a dash, and the flag before it does not take it.
		b.Args = append(b.Args, "--")
	}
	b.Args = append(b.Args, all...)
}
