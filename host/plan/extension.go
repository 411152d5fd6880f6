package plan

import (
	"strings"
	"unicode/utf8"
)

// endsWithAny reports whether the name, in lower case, ends with one of the extensions. No extensions: all do.
func endsWithAny(name []byte, exts []string) bool {
	if len(exts) == 0 {
		return true
	}
	lowered := ""
	for _, e := range exts {
		tail := name[max(0, len(name)-len(e)):]
		if isASCII(tail) {
			if len(tail) == len(e) && equalLowered(tail, e) {
				return true
			}
			continue
		}
		if lowered == "" {
			lowered = lower(string(name))
		}
		if strings.HasSuffix(lowered, e) {
			return true
		}
	}
	return false
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func equalLowered(b []byte, s string) bool {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// lower is Python's str.lower for all that a file's extension is likely to hold: İ becomes two characters.
func lower(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i̇"))
}
