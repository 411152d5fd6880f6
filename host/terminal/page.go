package terminal

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

const (
	defaultWidth = 80
	// minWidth is the smallest width that a page is wrapped to, maxWidth the largest.
	minWidth, maxWidth = 40, 100
	// narrow is the width below which the right column stands below the left one.
	narrow = 60
	// column is the position of the right column, at most; narrowColumn is that on a narrow page.
	column, narrowColumn = 30, 6
)

// Page lays out help in two columns. It cleans all texts that it takes.
type Page struct {
	b     strings.Builder
	width int
	color bool
	// Column is the position of the right column.
	Column int
}

// NewPage returns an empty page. width 0 is 80 columns; color uses ANSI escapes.
func NewPage(width int, color bool) *Page {
	p := &Page{width: min(max(cmp.Or(width, defaultWidth), minWidth), maxWidth), color: color, Column: narrowColumn}
	if p.width >= narrow {
		p.Column = min(column, p.width/2)
	}
	return p
}

// String is the page's text. It has escapes of its own, so it is not to be cleaned again.
func (p *Page) String() string { return p.b.String() }

const (
	styleTitle = "\x1b[1m"
	styleMark  = "\x1b[33m"
	styleOff   = "\x1b[0m"
)

func (p *Page) style(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return code + s + styleOff
}

// one cleans a text for a line, before it is measured and styled.
func one(s string) string { return Line(s, maxPart) }

// maxPart bounds one text on a page.
const maxPart = 64 << 10

func (p *Page) put(s string) { p.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// Line writes a line as it is.
func (p *Page) Line(s string) { p.put(one(s)) }

// Gap writes an empty line between sections, never two.
func (p *Page) Gap() {
	if s := p.b.String(); s != "" && !strings.HasSuffix(s, "\n\n") {
		p.b.WriteByte('\n')
	}
}

// Title begins a section.
func (p *Page) Title(s string) {
	p.Gap()
	for _, line := range Wrap(one(s), p.width) {
		p.put(p.style(styleTitle, line))
	}
}

// Paragraphs writes text wrapped to the width. Empty lines separate paragraphs, and indented lines stay as they are.
func (p *Page) Paragraphs(text string, indent int) {
	pad := strings.Repeat(" ", indent)
	var words []string
	flush := func() {
		for _, l := range Wrap(strings.Join(words, " "), p.width-indent) {
			p.put(pad + l)
		}
		words = nil
	}
	for line := range strings.SplitSeq(Block(text, "", maxPart), "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
			p.Gap()
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
			flush()
			p.put(pad + line)
		default:
			words = append(words, line)
		}
	}
	flush()
}

// Row writes a left part and, beside or below it, the wrapped right part. mark is a part of left to highlight.
func (p *Page) Row(left, right, mark string) {
	left, mark = one(left), one(mark)
	length := utf8.RuneCountInString(left)
	shown := left
	if length > p.width {
		shown = p.folded(left, 4)
	}
	if mark != "" {
		shown = strings.Replace(shown, mark, p.style(styleMark, mark), 1)
	}
	lines := Wrap(Block(right, "", maxPart), p.width-p.Column)
	if len(lines) > 0 && length+2 <= p.Column {
		shown += strings.Repeat(" ", p.Column-length) + lines[0]
		lines = lines[1:]
	}
	p.put(shown)
	for _, l := range lines {
		p.put(strings.Repeat(" ", p.Column) + l)
	}
}

// folded breaks a line between words. It keeps the line's own indent, to which further lines add more.
func (p *Page) folded(line string, more int) string {
	text := strings.TrimLeft(line, " ")
	pad := strings.Repeat(" ", len(line)-len(text))
	return pad + strings.Join(Wrap(text, p.width-len(pad)-more), "\n"+pad+strings.Repeat(" ", more))
}

// Wrap breaks text between words into lines of at most width characters. A longer word gets its own line.
func Wrap(text string, width int) []string {
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

// Hanging writes wrapped pieces. Each piece stays whole unless it is longer than a line, and every line after the first is indented.
func (p *Page) Hanging(first string, pieces []string) {
	indent := min(utf8.RuneCountInString(first)+1, 12)
	if p.width < narrow {
		indent = min(indent, 9)
	}
	line := ""
	for _, piece := range append([]string{first}, pieces...) {
		parts := []string{one(piece)}
		if utf8.RuneCountInString(parts[0]) > p.width-indent {
			parts = strings.Fields(parts[0])
		}
		for _, part := range parts {
			switch {
			case line == "":
				line = part
			case utf8.RuneCountInString(line+part)+1 <= p.width:
				line += " " + part
			default:
				p.put(line)
				line = strings.Repeat(" ", indent) + part
			}
		}
	}
	p.put(line)
}

// Command writes a command of a shell. Lines that go on end with a backslash.
func (p *Page) Command(words []string, indent int) {
	pad := strings.Repeat(" ", indent)
	line := pad
	for i, word := range words {
		word, end := one(word), 2
		if i == len(words)-1 {
			end = 0
		}
		if strings.TrimSpace(line) != "" {
			if utf8.RuneCountInString(line+" "+word)+end > p.width {
				p.put(line + ` \`)
				line = pad + "  "
			} else {
				line += " "
			}
		}
		line += word
	}
	p.put(line)
}
