package job

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Origin is the kind of place that a value comes from.
type Origin string

// The kinds of places.
const (
	// FromFlag is the command line, FromVariable the environment, and FromFile a configuration file.
	FromFlag     Origin = "flag"
	FromVariable Origin = "variable"
	FromFile     Origin = "file"
	// FromTask is a default of the task, FromHost one of the host, and NotSet a value that is still to be given.
	FromTask Origin = "task"
	FromHost Origin = "host"
	NotSet   Origin = "not set"
)

// Setting is one value of a run's configuration.
type Setting struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	From  Origin `json:"from"`
	// Where is the flag, the variable, or the file's line; empty for a default.
	Where string `json:"where,omitempty"`
}

// Settings are the values of a run, by what they are for.
type Settings struct {
	Task     []Setting `json:"task"`
	Template []Setting `json:"template"`
	Backbone []Setting `json:"backbone"`
	Host     []Setting `json:"host"`
}

// Settings resolves the configuration as for a run, and returns each value with where it comes from, without those of the host's own flags.
// Secrets are masked by their names. The error has the problems of the configuration but values that are still to be given.
func (s *Session) Settings(ctx context.Context, line Line) (Settings, error) {
	if err := s.Configure(ctx, line); err != nil {
		return Settings{}, err
	}
	r := &Spec{Task: *s.Task, Backbone: s.Backbone().Name}
	problems := slices.Concat(line.Wrong(), s.problems, s.resolveTemplate(r, line))
	var j *judged
	for _, words := range line.Words() {
		if j = s.judge(line, words); len(j.objections) == 0 {
			break
		}
	}
	problems = slices.Concat(problems, j.problems, j.objections, j.typos)
	out := Settings{Task: s.taskSettings(j), Template: s.templateSettings(r.Template), Backbone: []Setting{}, Host: []Setting{}}
	var values []Value
	for name, v := range j.Host {
		values = append(values, Value{name, v.Text(), v.Source})
	}
	values = append(values, line.BackboneFlags()...)
	_, found := readBackbone(values)
	for _, f := range s.Backbone().Flags() {
		setting := Setting{Name: f.Name, Value: f.Default, From: FromHost}
		for _, v := range values {
			if Canonical(v.Name) == Canonical(f.Name) {
				setting = Setting{Name: f.Name, Value: number(v.Value), From: placeOf(v.Source), Where: v.Source}
				if v.Source == "" {
					setting.Where = "--" + f.Name
				}
			}
		}
		out.Backbone = append(out.Backbone, setting)
	}
	problems = slices.DeleteFunc(slices.Concat(problems, found), func(p problem.Problem) bool { return p.Open })
	return out, s.report(problems)
}

// placeOf is the kind of a source as a Value or a template's node has it.
func placeOf(source string) Origin {
	switch {
	case source == "", strings.HasPrefix(source, "--"):
		return FromFlag
	case strings.HasPrefix(source, VariablePrefix):
		return FromVariable
	}
	return FromFile
}

// number is a text as a number where it is one.
func number(text string) any {
	if _, err := strconv.Atoi(text); err == nil && json.Valid([]byte(text)) {
		return json.Number(text)
	}
	return text
}

// taskSettings are the values of the task's arguments.
func (s *Session) taskSettings(j *judged) []Setting {
	out := []Setting{}
	given := schema.Values(s.Task, j.Args)
	for i := range s.Task.Arguments {
		a := &s.Task.Arguments[i]
		if a.Ends {
			continue
		}
		name := a.Name
		if len(a.Flags) > 0 {
			name = a.Flags[0]
		}
		setting := Setting{Name: a.Name, Value: a.Default, From: FromTask}
		value, is := given[a.Name]
		switch source := j.Source(name); {
		case is && source != "":
			setting.Value, setting.From, setting.Where = value, placeOf(source), source
		case is:
			setting.Value, setting.From, setting.Where = value, FromFlag, name
		case a.Required:
			setting.From = NotSet
		case a.Arity == "0" && !a.HasDefault:
			setting.Value = false
		}
		setting.Value = masked(a.Name, setting.Value)
		out = append(out, setting)
	}
	if s.Task.OpenArguments && len(j.Args) > 0 {
		out = append(out, Setting{Name: "arguments", Value: maskedWords(j.Args), From: FromFlag, Where: "all words for the task"})
	}
	return out
}

// maskedWords are words of a command line without secrets.
func maskedWords(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = terminal.Masked("", w)
		if before := words[max(i-1, 0)]; i > 0 && strings.HasPrefix(before, "--") && !strings.HasPrefix(w, "-") {
			all[i] = terminal.Masked(strings.TrimLeft(before, "-"), w)
		}
	}
	return all
}

// masked is a value of a name without secrets.
func masked(name string, value any) any {
	if value != nil && terminal.IsSecret(name) {
		return terminal.Masked(name, "")
	}
	switch v := value.(type) {
	case string:
		return terminal.Masked("", v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = masked("", item)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = masked(key, item)
		}
		return m
	case json.RawMessage:
		var plain any
		if json.Unmarshal(v, &plain) == nil {
			return masked("", plain)
		}
	}
	return value
}

// templateSettings are the values of the template's fields, by their paths.
func (s *Session) templateSettings(tree *template.Node) []Setting {
	out := []Setting{}
	if tree == nil {
		return out
	}
	var walk func(path, name string, n *template.Node, isDefault, custom bool)
	add := func(path string, value any, n *template.Node, isDefault bool) {
		setting := Setting{Name: path, Value: value, From: FromTask}
		switch {
		case n.Kind == template.KindPlaceholder:
			setting.From, setting.Where = NotSet, n.Origin
		case n.Origin != "":
			setting.From, setting.Where = placeOf(n.Origin), n.Origin
			if word, is := strings.CutPrefix(n.Origin, "--mixin "); is {
				// Without the value, which may be a secret.
				key, _, _ := strings.Cut(strings.TrimPrefix(word, "'"), "=")
				setting.Where = "--mixin " + key
			}
		case isDefault:
			setting.From = FromHost
		}
		out = append(out, setting)
	}
	walk = func(path, name string, n *template.Node, isDefault, custom bool) {
		switch {
		case n == nil:
		case n.Kind == template.KindMode:
			add(path+".mode", n.Mode, n, isDefault)
			spec, builtIn := template.SpecOf(n.Mode)
			for _, f := range n.Fields {
				known, ok := spec.Field(f.Name)
				walk(path+"."+f.Name, f.Name, f.Value, isDefault || builtIn && !n.Custom && ok && equals(f.Value, known.Default), custom || n.Custom)
			}
		case n.Kind == template.KindMap && len(n.Fields) > 0:
			for _, f := range n.Fields {
				walk(path+"."+f.Name, f.Name, f.Value, false, custom)
			}
		case n.Kind == template.KindList && slices.ContainsFunc(n.List, func(item *template.Node) bool { return item.Kind != template.KindScalar }):
			for i, item := range n.List {
				walk(path+"."+strconv.Itoa(i), name, item, false, custom)
			}
		default:
			value := n.Plain()
			if !custom {
				name = ""
			}
			add(path, masked(name, value), n, isDefault)
		}
	}
	top := template.ModeSpec{Fields: template.TopLevelFields()}
	for _, f := range tree.Fields {
		known, ok := top.Field(f.Name)
		walk(f.Name, f.Name, f.Value, ok && known.Default != nil && equals(f.Value, known.Default), false)
	}
	return out
}

// equals reports whether a field has its mode's default.
func equals(n, fallback *template.Node) bool {
	if fallback == nil {
		return n.IsNull()
	}
	a, errA := json.Marshal(n.Plain())
	b, errB := json.Marshal(fallback.Plain())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
