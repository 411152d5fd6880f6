package config

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// mixinFlag begins the source of a dotlist's value. The KEY=VALUE as typed follows.
const mixinFlag = "--mixin"

// maxTyped is how much of a KEY=VALUE messages show.
const maxTyped = 200

// fromFlag reports whether --mixin gave the value.
func (v *Value) fromFlag() bool { return strings.HasPrefix(v.Source, mixinFlag+" ") }

// parseDotlist reads one PATH=VALUE of --mixin into a map of maps. The value is one YAML value; an empty one is null. For a field of
// the template that takes text, it is the text as typed.
func parseDotlist(arg string, tmpl *template.Node) (*Value, []problem.Problem) {
	name, text, found := cutKey(arg)
	source := mixinFlag + " " + terminal.Quote(terminal.Line(arg, maxTyped))
	if !found {
		return nil, []problem.Problem{{Source: source, Message: "must be KEY=VALUE",
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
		// YAML refuses file names in another encoding.
		value = newScalar(text, source)
	}
	if takesText(tmpl, path) && (len(problems) > 0 || !writtenInYAML(text, value) && !isList(tmpl, path, text, value)) {
		value, problems = newScalar(text, source), nil
		value.given = true
	}
	for i := range problems {
		problems[i] = problem.Problem{Source: source,
			Message:    problems[i].Message,
			Suggestion: cmp.Or(interpolationHint(text), "text with special characters needs quotes: "+terminal.Quote(name+`="`+strings.ReplaceAll(text, `"`, `\"`)+`"`))}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if value == nil {
		value = newScalar(nil, source)
	}
	value.relocate(source)
	for i := len(path) - 1; i >= 0; i-- {
		m := newMap(source)
		m.dotted = true
		m.set(Entry{Key: path[i], Value: value})
		value = m
	}
	return value, nil
}

// isList reports whether a text for a field that takes both is a list, and not a name that exists: a folder may be called [a].
func isList(tmpl *template.Node, path []string, text string, value *Value) bool {
	if value == nil || value.Kind != KindList || !takesList(tmpl, path) {
		return false
	}
	_, err := os.Lstat(text)
	return err != nil
}

// writtenInYAML reports whether a text for a text field is YAML all the same: null, or a text in quotes or with a tag.
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

// relocate gives the value and all below it one source. Positions within a flag's value are of no use.
func (v *Value) relocate(source string) {
	v.Source = source
	for child := range v.children() {
		child.relocate(source)
	}
}

// escapable are the characters that a backslash escapes in a path.
const escapable = ".[]="

// cutKey splits KEY=VALUE at the first = without a backslash.
func cutKey(arg string) (key, value string, found bool) {
	_, n := pathName(arg, "=")
	if n == len(arg) {
		return arg, "", false
	}
	return arg[:n], arg[n+1:], true
}

// splitPath splits a path into its names: a.b[0].c and a.b.0.c are the same. A name in brackets may contain dots. A backslash
// escapes one of . [ ] =.
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
				return nil, fmt.Errorf("the path %q continues without a dot after a ]", path)
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

// pathName reads a name up to one of the characters in end, without the backslashes that escape. n is its length in the text.
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
