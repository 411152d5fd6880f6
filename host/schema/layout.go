package schema

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/terminal"
)

const (
	defaultWidth = 80
	// minWidth is the smallest width that help is wrapped to.
	minWidth = 40
	// helpColumn is the position of the right column of help, at most.
	helpColumn = 32
)

// page lays out text in two columns.
type page struct {
	b     strings.Builder
	width int
	color bool
}

func newPage(width int, color bool) *page {
	return &page{width: max(cmp.Or(width, defaultWidth), minWidth), color: color}
}

const (
	styleTitle = "\x1b[1m"
	styleFill  = "\x1b[33m"
	styleOff   = "\x1b[0m"
)

func (p *page) style(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return code + s + styleOff
}

// one cleans a plugin's text for a line, before it is measured and styled.
func one(s string) string { return terminal.Line(s, maxPart) }

// maxPart bounds one text of a plugin on a page.
const maxPart = 64 << 10

// put writes a clean line.
func (p *page) put(s string) { p.b.WriteString(strings.TrimRight(s, " ") + "\n") }

func (p *page) line(s string) { p.put(one(s)) }

// gap writes an empty line between sections, never two.
func (p *page) gap() {
	if s := p.b.String(); s != "" && !strings.HasSuffix(s, "\n\n") {
		p.b.WriteByte('\n')
	}
}

func (p *page) title(s string) {
	p.gap()
	p.put(p.style(styleTitle, one(s)))
}

// paragraphs writes text wrapped to the width. Empty lines separate paragraphs, and indented lines stay as they are.
func (p *page) paragraphs(text string, indent int) {
	pad := strings.Repeat(" ", indent)
	var words []string
	flush := func() {
		for _, l := range wrap(strings.Join(words, " "), p.width-indent) {
			p.put(pad + l)
		}
		words = nil
	}
	for line := range strings.SplitSeq(terminal.Block(text, "", maxPart), "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
			p.gap()
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
			flush()
			p.put(pad + line)
		default:
			words = append(words, line)
		}
	}
	flush()
}

// row writes a left part and, beside or below it, the wrapped right part. fill is a part of left to highlight.
func (p *page) row(left, right, fill string) {
	column := min(helpColumn, p.width/2)
	left, fill = one(left), one(fill)
	lines := wrap(terminal.Block(right, "", maxPart), p.width-column)
	length := utf8.RuneCountInString(left)
	shown := left
	if fill != "" {
		shown = strings.Replace(left, fill, p.style(styleFill, fill), 1)
	}
	if len(lines) > 0 && length+2 <= column {
		shown += strings.Repeat(" ", column-length) + lines[0]
		lines = lines[1:]
	}
	p.put(shown)
	for _, l := range lines {
		p.put(strings.Repeat(" ", column) + l)
	}
}

// wrap breaks text between words into lines of at most width characters. A longer word gets its own line.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last]+word)+1 <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// hanging writes wrapped pieces. Each piece stays whole, and every line after the first is indented.
func (p *page) hanging(first string, pieces []string) {
	indent := min(utf8.RuneCountInString(first)+1, 12)
	line := first
	for _, piece := range pieces {
		piece = one(piece)
		if utf8.RuneCountInString(line+piece)+1 > p.width && strings.TrimSpace(line) != "" {
			p.line(line)
			line = strings.Repeat(" ", indent-1)
		}
		line += " " + piece
	}
	p.line(line)
}
