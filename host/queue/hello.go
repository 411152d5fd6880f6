package queue

import (
	"strconv"
	"strings"
	"unicode"
)

// freeName is a name that no other node has. The lock is held.
func (d *desk) freeName(h Hello) string {
	name := h.Name
	if name == "" {
		name = h.Host
	}
	if name == "" {
		name = "node"
	}
	if d.names[name] == nil {
		return name
	}
	if len(d.numbers) > MaxNodes {
		clear(d.numbers)
	}
	for {
		d.numbers[name]++
		if numbered := name + "-" + strconv.Itoa(d.numbers[name]+1); d.names[numbered] == nil {
			return numbered
		}
	}
}

// giveBack lets the next node have the number of one that has done nothing. The lock is held.
func (d *desk) giveBack(name string) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return
	}
	if base := name[:at]; d.numbers[base] > 0 && name[at+1:] == strconv.Itoa(d.numbers[base]+1) {
		d.numbers[base]--
	}
}

// maxLine bounds a text of a node for the log.
const maxLine = 400

// oneLine is the first line of a node's text, bounded and printable.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = inOneLine(s)
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "") + "…"
	}
	return s
}

// inOneLine is a node's text with spaces for its line breaks, and printable.
func inOneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// nameOf is the name that a node asks for, with letters, digits, dots, hyphens and underscores alone: it stands in paths, tables and messages.
func nameOf(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s[:min(len(s), 4*maxName)])
	return strings.TrimLeft(s[:min(len(s), maxName)], ".-")
}

// printable bounds a node's text, and keeps only printable ASCII.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxName)]
}
