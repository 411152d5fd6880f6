package progress

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// blank stands in a shape for what differs from item to item.
const blank = "…"

// maxShaped is how much of a message makes its shape.
const maxShaped = 200

// shape is a message without what differs from item to item: quoted strings, paths, numbers, hexadecimal numbers, and the names of the item.
// Messages of one kind have the same shape.
func shape(message string, names []string) string {
	if len(message) > maxShaped {
		message = strings.ToValidUTF8(message[:maxShaped], "")
	}
	for _, name := range names {
		message = replaceName(message, name)
	}
	s := shaper{text: message}
	for s.at < len(s.text) {
		s.step()
	}
	return joinBlanks(s.out.String())
}

// replaceName replaces a name where it stands alone, or as the beginning of a longer name: the output of a.txt is a.txt.out.
func replaceName(text, name string) string {
	// A shorter one may be a part of any word.
	if len(name) < 3 {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, name)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		end := i + len(name)
		if i > 0 && inWord(before) {
			b.WriteString(text[:end])
			text = text[end:]
			continue
		}
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if next, _ := utf8.DecodeRuneInString(text[end+size:]); !inWord(r) && !(r == '.' && inWord(next)) {
				break
			}
			end += size
		}
		b.WriteString(text[:i])
		b.WriteString(blank)
		text = text[end:]
	}
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// shaper reads a text from left to right.
type shaper struct {
	text string
	at   int
	out  strings.Builder
}

// step takes the next quoted string, path, word or character.
func (s *shaper) step() {
	rest := s.text[s.at:]
	if s.atStart() {
		if n := quoted(rest); n > 0 {
			s.replace(n)
			return
		}
		if n := pathIn(rest); n > 0 {
			s.replace(n)
			return
		}
		if n := signed(rest); n > 0 {
			s.at += n
			return
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if !inWord(r) {
		s.out.WriteString(rest[:size])
		s.at += size
		return
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !inWord(r) })
	if end < 0 {
		end = len(rest)
	}
	s.out.WriteString(word(rest[:end]))
	s.at += end
}

func (s *shaper) replace(n int) {
	s.out.WriteString(blank)
	s.at += n
}

// atStart reports whether a word, a path or a quoted string may begin here.
func (s *shaper) atStart() bool {
	r, _ := utf8.DecodeLastRuneInString(s.text[:s.at])
	return s.at == 0 || unicode.IsSpace(r) || strings.ContainsRune("([{<=:,;|", r)
}

// quotes are the ends of quoted strings, by their beginnings.
var quotes = map[rune]rune{'\'': '\'', '"': '"', '`': '`', '“': '”', '‘': '’', '«': '»'}

// quoted is the length of the quoted string that a text begins with, Python's prefixes of it included; 0: it begins with none.
func quoted(text string) int {
	at := 0
	if len(text) > 1 && strings.ContainsRune("bBuUrRfF", rune(text[0])) && (text[1] == '\'' || text[1] == '"') {
		at = 1
	}
	first, size := utf8.DecodeRuneInString(text[at:])
	last, ok := quotes[first]
	if !ok {
		return 0
	}
	for at += size; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		switch {
		case r == '\\' && at < len(text):
			_, size := utf8.DecodeRuneInString(text[at:])
			at += size
		case r == last:
			// An apostrophe within a word ends nothing.
			if next, _ := utf8.DecodeRuneInString(text[at:]); at == len(text) || !inWord(next) {
				return at
			}
		}
	}
	return 0
}

// pathIn is the length of the path or URL that a text begins with; 0: it begins with none.
func pathIn(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`'"()[]{}<>,;|`, r) })
	if end < 0 {
		end = len(text)
	}
	path := strings.TrimRight(text[:end], ".:!?")
	separators := strings.Count(path, "/") + strings.Count(path, `\`)
	if separators == 0 || strings.Trim(path, `/\.`) == "" {
		return 0
	}
	likely := separators > 1 || strings.ContainsAny(path, blank+".0123456789") || strings.ContainsRune(`/\~`, rune(path[0]))
	if !likely {
		// and/or, km/s
		return 0
	}
	return len(path)
}

// signed is the length of the sign of a number that a text begins with.
func signed(text string) int {
	if len(text) > 1 && (text[0] == '-' || text[0] == '+') && text[1] >= '0' && text[1] <= '9' {
		return 1
	}
	return 0
}

const (
	// longHex is the length from which a word of the letters a to f is a hexadecimal number without digits.
	longHex = 8
	// longID is the length from which a word with digits between its letters is an identifier.
	longID = 8
)

// word is a word without its numbers.
func word(text string) string {
	digits := strings.IndexFunc(text, unicode.IsDigit) >= 0
	hex := strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	isHex := strings.Trim(hex, "0123456789abcdefABCDEF") == ""
	if isHex && (digits || len(text) >= longHex) {
		return blank
	}
	if !digits {
		return text
	}
	var b strings.Builder
	runs, inRun := 0, false
	for _, r := range text {
		was := inRun
		if inRun = unicode.IsDigit(r); !inRun {
			b.WriteRune(r)
		} else if !was {
			b.WriteString(blank)
			runs++
		}
	}
	if runs > 1 && len(text) >= longID {
		return blank
	}
	return b.String()
}

// joinBlanks makes one of blanks that only marks separate: a list has the same shape whatever its length.
func joinBlanks(text string) string {
	parts := strings.Split(text, blank)
	var b strings.Builder
	for i, part := range parts {
		if i > 0 && i < len(parts)-1 && isSeparator(part) {
			continue
		}
		if i > 0 {
			b.WriteString(blank)
		}
		b.WriteString(part)
	}
	return b.String()
}

// isSeparator reports whether a text is at most a mark and a space.
func isSeparator(text string) bool {
	return len(text) <= 2 && strings.Trim(text, " ,.:;-+/x×_") == ""
}

// namesOf are what an item may be called in its messages, the longest first: its path, its file name, that without its extension, and its texts.
func namesOf(path string, texts []string) []string {
	names := slices.Clone(texts)
	if path != "" {
		base := path[strings.LastIndexByte(path, '/')+1:]
		stem := base
		if i := strings.IndexByte(base, '.'); i > 0 {
			stem = base[:i]
		}
		names = append(names, path, base, stem)
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(names)
}
