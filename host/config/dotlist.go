package config

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// mixinFlag is how values of the dotlist name their source.
const mixinFlag = "--mixin"

// fromFlag reports whether the value was given by --mixin.
func (v *Value) fromFlag() bool { return strings.HasPrefix(v.Source, mixinFlag+" ") }

// parseDotlist reads one PATH=VALUE of --mixin into a map of maps. The value is one YAML value; an empty one is null. isText
// tells whether a path names a field for text: there the value is what was typed.
func parseDotlist(arg string, isText func(path []string) bool) (*Value, []problem.Problem) {
	name, text, found := cutKey(arg)
	source := mixinFlag + " " + name
	if !found {
		return nil, []problem.Problem{{Source: source, Message: "there is no = in it: --mixin takes KEY=VALUE",
			Suggestion: fmt.Sprintf("write %s=VALUE, or put it before --mixin if it is not part of the mixin", name)}}
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
	if isText(path) && (len(problems) > 0 || !writtenInYAML(text, value)) {
		value, problems = newScalar(text, source), nil
		value.given = true
	}
	for i := range problems {
		problems[i] = problem.Problem{Source: source,
			Message:    fmt.Sprintf("the value %q: %s", text, problems[i].Message),
			Suggestion: cmp.Or(interpolationHint(text), "text with special characters wants quotes of its own: "+shellQuote(name+`="`+strings.ReplaceAll(text, `"`, `\"`)+`"`))}
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

// writtenInYAML reports whether a text was meant for YAML although it is for a field that takes any text: it is null, or a
// text in quotes or with a tag.
func writtenInYAML(text string, value *Value) bool {
	text = strings.TrimSpace(text)
	if text == "" || plainScalar(text) == nil {
		return true
	}
	if value == nil || value.Kind != KindScalar {
		return false
	}
	_, isText := value.Scalar.(string)
	return isText && strings.ContainsRune("\"'!", rune(text[0]))
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

// escapable are the characters that a backslash takes their meaning from in a path.
const escapable = ".[]="

// cutKey splits KEY=VALUE at the first = that has no backslash.
func cutKey(arg string) (key, value string, found bool) {
	for i := 0; i < len(arg); i++ {
		switch {
		case arg[i] == '\\' && i+1 < len(arg) && strings.IndexByte(escapable, arg[i+1]) >= 0:
			i++
		case arg[i] == '=':
			return arg[:i], arg[i+1:], true
		}
	}
	return arg, "", false
}

// splitPath splits a path into its names: a.b[0].c and a.b.0.c are the same. A name in brackets may hold dots, and a
// backslash before one of . [ ] = makes it part of the name.
func splitPath(path string) ([]string, error) {
	var names []string
	rest := path
	for first := true; ; first = false {
		brackets := strings.HasPrefix(rest, "[")
		end := ".[]"
		switch {
		case brackets:
			rest, end = rest[1:], "]"
		case !first:
			if !strings.HasPrefix(rest, ".") {
				return nil, fmt.Errorf("the path %q goes on without a dot after a ]", path)
			}
			rest = rest[1:]
		}
		name, n := pathName(rest, end)
		if !brackets && n < len(rest) && rest[n] == ']' {
			return nil, fmt.Errorf("the path %q has a ] without its [", path)
		}
		if brackets {
			if n == len(rest) {
				return nil, fmt.Errorf("the path %q has a [ without its ]", path)
			}
			n++
		}
		if name == "" {
			return nil, fmt.Errorf("the path %q has an empty name in it", path)
		}
		names, rest = append(names, name), rest[n:]
		if rest == "" {
			return names, nil
		}
	}
}

// pathName reads a name up to one of the characters in end, without the backslashes that take a meaning away. n is how
// much of the text it is.
func pathName(text, end string) (name string, n int) {
	var b strings.Builder
	for n < len(text) && strings.IndexByte(end, text[n]) < 0 {
		if text[n] == '\\' && n+1 < len(text) && strings.IndexByte(escapable, text[n+1]) >= 0 {
			n++
		}
		b.WriteByte(text[n])
		n++
	}
	return b.String(), n
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
