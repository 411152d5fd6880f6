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
// Messages of one kind have the same texts around those values.
type shape struct {
	// texts has one more than values: each value stands between two of them.
	texts, values []string
	// named: one of the values is a name of the item, blank from the beginning.
	named bool
}

// shapeOf returns the shape of the message of an item with some names.
func shapeOf(message string, names []string) shape {
	if len(message) > maxShaped {
		message = strings.ToValidUTF8(message[:maxShaped], "") + blank
	}
	named := false
	for _, name := range names {
		// A number is a value in any case, with its sign and without its unit.
		if strings.Trim(name, "0123456789") == "" {
			continue
		}
		replaced := replaceName(message, name)
		named = named || replaced != message
		message = replaced
	}
	s := shaper{text: message, shape: shape{texts: []string{""}, named: named}}
	for s.at < len(s.text) {
		s.step()
	}
	return s.shape
}

// key is the same for all messages of one kind.
func (s shape) key() string { return strings.Join(s.texts, blank) }

// String is the message with the values.
func (s shape) String() string {
	var b strings.Builder
	for i, text := range s.texts {
		b.WriteString(text)
		if i < len(s.values) {
			b.WriteString(s.values[i])
		}
	}
	return b.String()
}

// merge blanks the values that differ from those of another message of the kind, and reports whether there were new ones.
func (s shape) merge(other shape) (changed bool) {
	for i, value := range s.values {
		if value != blank && i < len(other.values) && value != other.values[i] {
			s.values[i], changed = blank, true
		}
	}
	return changed
}

// add adds text that all messages of the kind have.
func (s *shape) add(text string) { s.texts[len(s.texts)-1] += text }

// addValue adds a value. Values that only marks separate are one: a list has the same shape whatever its length.
func (s *shape) addValue(value string) {
	last := len(s.values) - 1
	if last >= 0 && isSeparator(s.texts[last+1]) {
		value = s.values[last] + s.texts[last+1] + value
		s.values, s.texts = s.values[:last], s.texts[:last+1]
	}
	if strings.Contains(value, blank) {
		// A part of it differs already.
		value = blank
	}
	s.values, s.texts = append(s.values, value), append(s.texts, "")
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
			if next, _ := utf8.DecodeRuneInString(text[end+size:]); !inWord(r) && (r != '.' || !inWord(next)) {
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
	shape
	text string
	at   int
	// sign is that of the number that follows.
	sign string
}

// step takes the next quoted string, path, word or character.
func (s *shaper) step() {
	rest := s.text[s.at:]
	if s.atStart() {
		n := quoted(rest)
		if n == 0 {
			n = pathIn(rest)
		}
		if n > 0 {
			s.addValue(rest[:n])
			s.at += n
			return
		}
		if n := signed(rest); n > 0 {
			s.sign = rest[:n]
			s.at += n
			return
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if !inWord(r) {
		if rest[:size] == blank {
			s.addValue(blank)
		} else {
			s.add(rest[:size])
		}
		s.at += size
		return
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !inWord(r) })
	if end < 0 {
		end = len(rest)
	}
	s.word(rest[:end])
	s.at += end
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

// word takes a word, whose numbers are values.
func (s *shaper) word(text string) {
	sign := s.sign
	s.sign = ""
	digits := strings.IndexFunc(text, unicode.IsDigit) >= 0
	hex := strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	isHex := strings.Trim(hex, "0123456789abcdefABCDEF") == ""
	switch {
	case isHex && (digits || len(text) >= longHex), len(text) >= longID && runs(text) > 1:
		s.addValue(sign + text)
		return
	case !digits:
		s.add(text)
		return
	}
	for len(text) > 0 {
		end := strings.IndexFunc(text, unicode.IsDigit)
		if end < 0 {
			end = len(text)
		}
		if end > 0 {
			s.add(text[:end])
			text = text[end:]
			continue
		}
		if end = strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) }); end < 0 {
			end = len(text)
		}
		s.addValue(sign + text[:end])
		sign, text = "", text[end:]
	}
}

// runs is the number of runs of digits in a word.
func runs(text string) (n int) {
	in := false
	for _, r := range text {
		was := in
		if in = unicode.IsDigit(r); in && !was {
			n++
		}
	}
	return n
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
