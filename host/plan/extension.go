package plan

import (
	"strings"
	"unicode/utf8"
)

// endsWithAny reports whether the name, in lower case, ends with one of the extensions. Without extensions, all names do.
func endsWithAny(name []byte, exts []string) bool {
	for _, e := range exts {
		tail := name[max(0, len(name)-len(e)):]
		same := len(tail) == len(e)
		for i, c := range tail {
			if c >= utf8.RuneSelf {
				// Characters may have other lengths in lower case.
				same = strings.HasSuffix(lower(string(name)), e)
				break
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			same = same && c == e[i]
		}
		if same {
			return true
		}
	}
	return len(exts) == 0
}

// lower is Python's str.lower for the characters of likely extensions: İ becomes two characters.
func lower(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i̇"))
}
