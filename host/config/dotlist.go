package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// mixinFlag is how values of the dotlist name their source.
const mixinFlag = "--mixin"

// fromFlag reports whether the value was given by --mixin.
func (v *Value) fromFlag() bool { return strings.HasPrefix(v.Source, mixinFlag+" ") }

// parseDotlist reads one PATH=VALUE of --mixin into a map of maps. The value is one YAML value; an empty one is null.
func parseDotlist(arg string) (*Value, []problem.Problem) {
	name, text, found := strings.Cut(arg, "=")
	source := mixinFlag + " " + name
	if !found {
		return nil, []problem.Problem{{Source: source, Message: "there is no = in it: --mixin takes KEY=VALUE",
			Suggestion: fmt.Sprintf("write %s=VALUE, or put it before --mixin if it is no part of the mixin", name)}}
	}
	path, err := splitPath(name)
	if err != nil {
		return nil, []problem.Problem{{Source: source, Message: err.Error(), Suggestion: "a path is written a.b.c; elements of a list are a.0 or a[0]"}}
	}
	var value *Value
	var problems []problem.Problem
	if utf8.ValidString(text) {
		value, problems = parseYAML([]byte(text), "")
	} else {
		// A file name in another encoding: YAML would refuse it.
		value = newScalar(text, source)
	}
	for i := range problems {
		problems[i] = problem.Problem{Source: source,
			Message:    fmt.Sprintf("the value %q: %s", text, problems[i].Message),
			Suggestion: "text with special characters wants quotes of its own: " + shellQuote(name+`="`+strings.ReplaceAll(text, `"`, `\"`)+`"`)}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if value == nil {
		value = newScalar(nil, source)
	}
	value.relocate(source)
	for i := len(path) - 1; i >= 0; i-- {
		m := newMap(mixinFlag + " " + strings.Join(path[:i], "."))
		m.dotted = true
		m.set(Entry{Key: path[i], Value: value})
		value = m
	}
	return value, nil
}

// relocate gives the value and all below it one source: positions within a flag's value help nobody.
func (v *Value) relocate(source string) {
	v.Source = source
	for _, e := range v.Entries {
		e.Value.relocate(source)
	}
	for _, item := range v.Items {
		item.relocate(source)
	}
}

// splitPath splits a path into its names: a.b[0].c and a.b.0.c are the same. A name in brackets may hold dots.
func splitPath(path string) ([]string, error) {
	var names []string
	rest := path
	for first := true; ; first = false {
		var name string
		switch {
		case strings.HasPrefix(rest, "["):
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("the path %q has a [ without its ]", path)
			}
			name, rest = rest[1:end], rest[end+1:]
		default:
			if !first {
				if !strings.HasPrefix(rest, ".") {
					return nil, fmt.Errorf("the path %q goes on without a dot after a ]", path)
				}
				rest = rest[1:]
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			name, rest = rest[:end], rest[end:]
		}
		if name == "" {
			return nil, fmt.Errorf("the path %q has an empty name in it", path)
		}
		if strings.ContainsAny(name, "[]") {
			return nil, fmt.Errorf("the path %q has a ] without its [", path)
		}
		names = append(names, name)
		if rest == "" {
			return names, nil
		}
	}
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
