package progress

import (
	"io"
	"strconv"
	"strings"
	"sync"
)

// Screen is a terminal with some lines at its foot that are drawn again and again. Text that is written to it appears above.
type Screen struct {
	mu  sync.Mutex
	out io.Writer
	// size is the terminal's columns and rows.
	size func() (columns, rows int)
	// foot makes the lines at the foot, each shorter than the terminal is wide; nil: there are none. drawn: they are on the terminal.
	foot  func(columns, rows int) []string
	drawn bool
	// open: the text above has no line end yet, so that the foot waits for it.
	open bool
}

// NewScreen returns a screen on a terminal. It calls size at each drawing.
func NewScreen(out io.Writer, size func() (columns, rows int)) *Screen {
	return &Screen{out: out, size: size}
}

// A terminal that gets narrower wraps the lines that it shows, and so moves what is below them. The cursor waits at the beginning of the
// foot's first line, which no wrapping moves: from there to the end of the screen everything is the foot's. While lines are drawn the terminal
// does not wrap, so a change of its size in the middle cuts a line and does not make two of it. It is cleared from the second column on: some
// terminals keep what they clear from the first column of the first line.
const (
	clearBelow = "\r\x1b[K\x1b[C\x1b[J\r"
	noWrap     = "\x1b[?7l"
	wrap       = "\x1b[?7h"
)

// Write prints above the foot.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) > 0 {
		s.open = p[len(p)-1] != '\n'
	}
	if s.foot == nil {
		return s.out.Write(p)
	}
	var b strings.Builder
	s.erase(&b)
	before := b.Len()
	b.Write(p)
	after := b.Len()
	s.draw(&b)
	n, err := io.WriteString(s.out, b.String())
	return max(0, min(n, after)-before), err
}

// Foot draws the lines that a function makes for the terminal's size, now and below whatever is written; nil removes them.
func (s *Screen) Foot(lines func(columns, rows int) []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	s.foot = lines
	s.erase(&b)
	s.draw(&b)
	// The run continues without its terminal.
	_, _ = io.WriteString(s.out, b.String())
}

// erase removes the foot that is on the terminal.
func (s *Screen) erase(b *strings.Builder) {
	if s.drawn {
		b.WriteString(clearBelow)
		s.drawn = false
	}
}

func (s *Screen) draw(b *strings.Builder) {
	if s.foot == nil || s.open {
		return
	}
	lines := s.foot(s.size())
	if len(lines) == 0 {
		return
	}
	b.WriteString(noWrap + strings.Join(lines, "\r\n"))
	if n := len(lines) - 1; n > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(n) + "A")
	}
	b.WriteString("\r" + wrap)
	s.drawn = true
}
