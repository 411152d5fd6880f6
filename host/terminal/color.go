package terminal

import "os"

// Colored reports whether text for a stream is colored: when is auto, always or never. auto colors text on a terminal, unless NO_COLOR is
// set or the terminal can only print lines.
func Colored(when string, isTerminal bool) bool {
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

// The styles.
func (p Paint) Red(text string) string    { return p.style("31", text) }
func (p Paint) Green(text string) string  { return p.style("32", text) }
func (p Paint) Yellow(text string) string { return p.style("33", text) }
func (p Paint) Cyan(text string) string   { return p.style("36", text) }
func (p Paint) Bold(text string) string   { return p.style("1", text) }
func (p Paint) Faint(text string) string  { return p.style("2", text) }

func (p Paint) style(code, text string) string {
	if !bool(p) || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
