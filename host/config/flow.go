package config

import (
	"bytes"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

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
