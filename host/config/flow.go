package config

import (
	"bytes"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// PyYAML takes two spellings that the YAML library refuses: a question mark within a plain text of a flow list or map
// ([photo_?.jpg]), and \/ in double quotes. Both are put into private characters before the library reads the file, and
// back when it has: to the same text, or to / where double quotes gave \/ its meaning. Columns stay what they are.
type spelling struct {
	question, backslash, slash string
}

// protect returns the data for the library, and how to turn what it reads back. Data that has none of it is returned as
// it is.
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
	// before is the last character of the line that is not a space, alone whether a space or the line's beginning is before
	// it, and spaces whether some follow it: a question mark begins a key where a key can begin, and is text elsewhere.
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

// restore turns what the library has read back, in place.
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
