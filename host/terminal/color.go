package terminal

import "os"

// InColor reports whether text for a stream has colors: when is auto, always or never. auto: on a terminal, unless NO_COLOR is
// set or the terminal can only print lines.
func InColor(when string, isTerminal bool) bool {
	switch when {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal && !Dumb() && os.Getenv("NO_COLOR") == ""
}

// Dumb reports whether the terminal can only print lines.
func Dumb() bool { return os.Getenv("TERM") == "dumb" }

// Paint styles text if it is true.
type Paint bool

// Red is the text in that style.
func (p Paint) Red(text string) string { return p.style("31", text) }

// Green is the text in that style.
func (p Paint) Green(text string) string { return p.style("32", text) }

// Yellow is the text in that style.
func (p Paint) Yellow(text string) string { return p.style("33", text) }

// Cyan is the text in that style.
func (p Paint) Cyan(text string) string { return p.style("36", text) }

// Bold is the text in that style.
func (p Paint) Bold(text string) string { return p.style("1", text) }

// Faint is the text in that style.
func (p Paint) Faint(text string) string { return p.style("2", text) }

func (p Paint) style(code, text string) string {
	if !bool(p) || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
