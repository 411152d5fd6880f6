package plan

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// pattern matches one name of a path as Python's fnmatch does: *, ?, [abc], [a-z], [!abc]. Nothing is escaped, and a [ without a
// ] after it is itself. Characters are code points. A byte that is not UTF-8 is one character, as under surrogateescape.
type pattern struct {
	// suffix is set instead of parts for the common pattern "*" + plain text.
	suffix   string
	isSuffix bool
	parts    []part
	hidden   bool
}

// part is a run of any characters, or one character of some ranges. Without ranges it matches nothing, or anything if negated.
type part struct {
	anyRun  bool
	negated bool
	ranges  [][2]rune
}

func (p *part) has(r rune) bool {
	for _, x := range p.ranges {
		if x[0] <= r && r <= x[1] {
			return !p.negated
		}
	}
	return p.negated
}

// anyName matches every name.
var anyName = &pattern{isSuffix: true, hidden: true}

// hasMagic reports whether the text is a pattern at all.
func hasMagic(s string) bool { return template.HasMagic(s) }

func parsePattern(text string) *pattern {
	p := &pattern{hidden: strings.HasPrefix(text, ".")}
	if rest, ok := strings.CutPrefix(text, "*"); ok && !hasMagic(rest) {
		p.suffix, p.isSuffix = rest, true
		return p
	}
	chars := runes(text)
	for i := 0; i < len(chars); i++ {
		next := part{ranges: [][2]rune{{chars[i], chars[i]}}}
		switch chars[i] {
		case '*':
			next = part{anyRun: true}
		case '?':
			next = part{negated: true}
		case '[':
			if end := closing(chars, i+1); end >= 0 {
				next = parseSet(chars[i+1 : end])
				i = end
			}
		}
		p.parts = append(p.parts, next)
	}
	return p
}

// closing finds the ] that ends a set which begins at from, or -1. A ] that comes first belongs to the set.
func closing(chars []rune, from int) int {
	if from < len(chars) && chars[from] == '!' {
		from++
	}
	if from < len(chars) && chars[from] == ']' {
		from++
	}
	if n := slices.Index(chars[from:], ']'); n >= 0 {
		return from + n
	}
	return -1
}

func parseSet(chars []rune) part {
	var set part
	if chars[0] == '!' {
		set.negated, chars = true, chars[1:]
	}
	droppedAll := false
	for i := 0; i < len(chars); i++ {
		lo, hi := chars[i], chars[i]
		if droppedAll && !set.negated && len(set.ranges) == 0 && lo == '!' {
			// Python drops ranges that run backwards from the text before it looks for the "!".
			set.negated = true
			continue
		}
		if i+2 < len(chars) && chars[i+1] == '-' {
			hi = chars[i+2]
			i += 2
		}
		if lo <= hi {
			set.ranges = append(set.ranges, [2]rune{lo, hi})
		} else {
			droppedAll = true
		}
	}
	return set
}

// lists is matches for listing: hidden names match only a pattern that begins with a dot.
func (p *pattern) lists(name []byte) bool {
	return (p.hidden || len(name) == 0 || name[0] != '.') && p.matches(name)
}

func (p *pattern) matches(name []byte) bool {
	if p.isSuffix {
		return len(name) >= len(p.suffix) && string(name[len(name)-len(p.suffix):]) == p.suffix
	}
	i, k := 0, 0
	star, resume := -1, 0
	for i < len(name) {
		if k < len(p.parts) {
			if p.parts[k].anyRun {
				star, resume = k, i
				k++
				continue
			}
			r, size := nextChar(name[i:])
			if p.parts[k].has(r) {
				i += size
				k++
				continue
			}
		}
		if star < 0 {
			return false
		}
		// The last * takes one more character, and the parts after it are tried again.
		_, size := nextChar(name[resume:])
		resume += size
		i, k = resume, star+1
	}
	for k < len(p.parts) && p.parts[k].anyRun {
		k++
	}
	return k == len(p.parts)
}

// nextChar decodes one character. A byte 0xNN that is not UTF-8 is U+DCNN.
func nextChar(b []byte) (rune, int) {
	if b[0] < utf8.RuneSelf {
		return rune(b[0]), 1
	}
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size == 1 {
		return 0xDC00 + rune(b[0]), 1
	}
	return r, size
}

func runes(s string) []rune {
	var all []rune
	for b := []byte(s); len(b) > 0; {
		r, size := nextChar(b)
		all = append(all, r)
		b = b[size:]
	}
	return all
}
