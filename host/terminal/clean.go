// Package terminal prints text of others (plugins, items, configurations, file names) so that a terminal shows it and does not
// obey it.
package terminal

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Clean escapes everything that a terminal obeys or a reader does not see: control characters, marks of the direction of writing,
// the separators U+2028 and U+2029, and bytes that are not UTF-8. Newlines and tabs stay; see Line and Block for text of others
// within ours.
func Clean(text string) string {
	at := unclean(text)
	if at < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	for ; at >= 0; at = unclean(text) {
		b.WriteString(text[:at])
		r, size := utf8.DecodeRuneInString(text[at:])
		escape(&b, r, text[at])
		text = text[at+size:]
	}
	b.WriteString(text)
	return b.String()
}

// unclean is the position of the first character to escape; -1: none.
func unclean[T string | []byte](text T) int {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			continue
		}
		if text[i] < utf8.RuneSelf {
			return i
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		if r == utf8.RuneError && size == 1 || hidden(r) {
			return i
		}
		i += size - 1
	}
	return -1
}

// hidden reports whether a character beyond ASCII is not visible.
func hidden(r rune) bool {
	return r >= 0x80 && r < 0xa0 || // C1: a terminal may take U+009B for ESC [
		r >= 0x2028 && r <= 0x202e || // separators, and marks of direction
		r >= 0x2066 && r <= 0x2069 // marks of direction
}

func escape(b *strings.Builder, r rune, first byte) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == utf8.RuneError, r < utf8.RuneSelf:
		fmt.Fprintf(b, `\x%02x`, first)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// Line returns the text as a part of one line. It cuts the middle out of more than limit bytes.
func Line(text string, limit int) string {
	text = Clean(cut(text, limit, " "))
	if !strings.ContainsAny(text, "\n\t") {
		return text
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text)
}

// Block returns the text with an indent before every line but the first, so that none looks like a line of ours. It cuts the middle
// out of more than limit bytes, and removes newlines at the end.
func Block(text, indent string, limit int) string {
	text = Clean(cut(strings.Trim(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), limit, "\n"))
	return strings.ReplaceAll(text, "\n", "\n"+indent)
}

// cut takes the middle out of a text that is too long. Its beginning has the subject, and its end the cause in a traceback. around
// is written on both sides of the note.
func cut(text string, limit int, around string) string {
	if len(text) <= limit {
		return text
	}
	head, tail := limit*3/4, len(text)-limit/4
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + fmt.Sprintf("%s… %s left out …%s", around, count.Of(tail-head, "byte"), around) + text[tail:]
}
