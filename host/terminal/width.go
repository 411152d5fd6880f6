package terminal

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns is how many columns a clean line takes on a terminal.
func Columns(line string) (n int) {
	for _, r := range line {
		n += columns(r)
	}
	return n
}

// columns is how many columns a character takes.
func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Fit cuts the middle out of a clean line that takes more than n columns. The end of a path says more than what comes before.
func Fit(line string, n int) string {
	all := Columns(line)
	if all <= n {
		return line
	}
	if n < 1 {
		return ""
	}
	const gap = "…"
	head := (n - 1) / 3
	return begin(line, head) + gap + tail(line, n-1-head)
}

// begin is the beginning of a line that takes at most n columns.
func begin(line string, n int) string {
	for i, r := range line {
		if n -= columns(r); n < 0 {
			return line[:i]
		}
	}
	return line
}

// tail is the end of a line that takes at most n columns.
func tail(line string, n int) string {
	runes := []rune(line)
	at := len(runes)
	for at > 0 && n >= columns(runes[at-1]) {
		at--
		n -= columns(runes[at])
	}
	return string(runes[at:])
}

// Pad fills a line with spaces up to n columns.
func Pad(line string, n int) string {
	return line + strings.Repeat(" ", max(0, n-Columns(line)))
}
