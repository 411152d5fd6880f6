package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

var (
	yamlErrorLine = lazily.Regexp(`^yaml: (?:line (\d+): )?`)
	unknownAnchor = lazily.Regexp(`^unknown anchor '(.*)' referenced$`)
	// The parser counts lines from 0, the scanner from 1.
	parserError = lazily.Regexp(`^(did not find expected (<|node content|'-' indicator|key|',' or)|found (duplicate|incompatible|undefined) )`)
)

// yamlSyntax turns the YAML library's error into a problem with its line. The library sometimes leaves the line out, or counts
// from 0. For brackets that are never closed, it is the line of the opening one.
func yamlSyntax(err error, name string, data []byte) problem.Problem {
	text := err.Error()
	line := 0
	if m := yamlErrorLine().FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
		if line == 0 || parserError().MatchString(text) {
			line++
		}
	}
	if m := unknownAnchor().FindStringSubmatch(text); m != nil {
		line = lineOf(data, bytes.Index(data, []byte("*"+m[1])))
		text = fmt.Sprintf("there is no anchor &%s before the alias *%s", m[1], m[1])
	} else if at := badCharacter(data); at >= 0 && (strings.Contains(text, "UTF-8") || strings.Contains(text, "control characters")) {
		line = lineOf(data, at)
	}
	source := name
	if name != "" {
		source = fmt.Sprintf("%s:%d", name, line)
	}
	return problem.Problem{Source: source, Message: "this is not YAML: " + text, Suggestion: syntaxHint(text, lineText(data, line))}
}

// bareInterpolation matches a value in brackets that contains ${…} and has no quotes.
var bareInterpolation = lazily.Regexp(`[[{:,]\s*([^\s"'[\]{},:$]?[^"'[\]{},:$]*\$\{[^{}"]*\})`)

// lineOf is the line of the byte at an offset, counted from 1. A negative offset is in line 1.
func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:max(offset, 0)], []byte("\n")) }

func lineText(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return lines[line-1]
}

// badCharacter is the offset of the first byte that YAML does not allow, or -1.
func badCharacter(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// interpolationHint is the hint for ${…} without quotes in brackets; empty: the text has none.
func interpolationHint(text string) string {
	m := bareInterpolation().FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return fmt.Sprintf("within [ ] and { }, a value with ${ } needs quotes: %q", m[1])
}

func syntaxHint(text, line string) string {
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces, not with tabs"
	case strings.Contains(text, "cannot start any token"), strings.Contains(text, "did not find expected alphabetic"),
		strings.HasPrefix(text, "there is no anchor"):
		return "put a value that begins with a special character into quotes"
	case strings.HasPrefix(text, "did not find expected ','"):
		return interpolationHint(line)
	case strings.Contains(text, "mapping values are not allowed"):
		return `put a value that holds ": " into quotes, or check the indentation`
	case strings.Contains(text, "UTF-8"):
		return "save the file as UTF-8"
	}
	return ""
}

// PyYAML takes two spellings that the YAML library refuses: a question mark in a plain text of a flow list or map
// ([photo_?.jpg]), and \/ in double quotes. protect replaces both by private characters, and restore puts them back after the
// library has read the file: as they were, or as / for \/ in double quotes. Columns do not change.
type spelling struct {
	question, backslash, slash string
}

// protect returns the data for the library, and the spelling for restore; nil: nothing was replaced.
func protect(data []byte) ([]byte, *spelling) {
	if !bytes.ContainsRune(data, '?') && !bytes.Contains(data, []byte(`\/`)) {
		return data, nil
	}
	s := &spelling{}
	next := '\ue000'
	for _, to := range []*string{&s.question, &s.backslash, &s.slash} {
		for bytes.ContainsRune(data, next) {
			next++
		}
		*to = string(next)
		next++
	}
	out := make([]byte, 0, len(data)+16)
	// before is the line's last character that is not a space. alone: a space or the beginning of the line precedes it. spaces:
	// spaces follow it. A question mark begins a key where a key can begin, and is text elsewhere.
	before, alone, spaces := byte('\n'), true, false
	slashes := 0
	for _, c := range data {
		begins := "\n,[{"
		if spaces {
			begins += ":"
			if alone {
				begins += "-?"
			}
		}
		switch {
		case c == '?' && strings.IndexByte(begins, before) < 0:
			out = append(out, s.question...)
		case c == '/' && slashes%2 == 1:
			out = append(append(out[:len(out)-1], s.backslash...), s.slash...)
		default:
			out = append(out, c)
		}
		if c == '\\' {
			slashes++
		} else {
			slashes = 0
		}
		if c == ' ' || c == '\t' || c == '\r' {
			spaces = true
			continue
		}
		alone = spaces || strings.IndexByte("\n,[{", before) >= 0
		before, spaces = c, false
	}
	return out, s
}

// restore undoes protect in place.
func (s *spelling) restore(n *yaml.Node, done map[*yaml.Node]bool) {
	if s == nil || n == nil || done[n] {
		return
	}
	done[n] = true
	slash := `\/`
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		slash = "/"
	}
	n.Value = strings.NewReplacer(s.question, "?", s.backslash+s.slash, slash).Replace(n.Value)
	n.Tag = strings.ReplaceAll(n.Tag, s.question, "?")
	for _, child := range n.Content {
		s.restore(child, done)
	}
}
