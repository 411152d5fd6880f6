package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

var (
	yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// The parser counts its lines from 0, other than the scanner below it.
	parserError = regexp.MustCompile(`^(did not find expected (<|node content|'-' indicator|key|',' or)|found (duplicate|incompatible|undefined) )`)
)

// yamlSyntax turns the YAML library's error into a problem with its line, which the library does not always say and
// sometimes counts from 0. For brackets that are never closed, the line is where they begin.
func yamlSyntax(err error, name string, data []byte) problem.Problem {
	text := err.Error()
	line := 0
	if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
		if line == 0 || parserError.MatchString(text) {
			line++
		}
	}
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
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

// bareInterpolation is a value in brackets that holds ${…} and has no quotes.
var bareInterpolation = regexp.MustCompile(`[[{:,]\s*([^\s"'[\]{},:$]?[^"'[\]{},:$]*\$\{[^{}"]*\})`)

// lineOf is the line, from 1, that the byte at an offset stands in; 1 where there is no such byte.
func lineOf(data []byte, offset int) int {
	if offset < 0 {
		return 1
	}
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

func lineText(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return lines[line-1]
}

// badCharacter is the offset of the first byte that cannot stand in YAML, or -1.
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

// interpolationHint is the hint for brackets with ${…} in them; empty: there is none in this text, or it has its quotes.
func interpolationHint(text string) string {
	m := bareInterpolation.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return fmt.Sprintf("inside of [ ] and { }, a value with ${ } needs quotes: %q", m[1])
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
