package config

import (
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// syntaxError is a mistake in a text with interpolations.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

const (
	errUnclosed = syntaxError("an interpolation that begins with ${ has no }")
	errNested   = syntaxError("too many interpolations, lists or maps within one another")
)

// maxNesting bounds the parser's recursion.
const maxNesting = 200

// hasInterpolation reports whether a text must be parsed. Any other text stands for itself, backslashes included.
func hasInterpolation(s string) bool { return strings.Contains(s, "${") }

// textParser reads a text with interpolations, and evaluates them on the way.
type textParser struct {
	resolver *resolver
	// at is the value with the text. References start there.
	at    *Value
	s     string
	pos   int
	depth int
}

// literal is a plain value: nil, bool, string, json.Number or float64.
func (p *textParser) literal(value any) *Value { return newLiteral(value, p.at.Source) }

// concat makes one text of several pieces.
func (p *textParser) concat(parts []*Value) (*Value, error) {
	var b strings.Builder
	for _, part := range parts {
		v, err := p.resolver.deep(part, nil)
		if err != nil {
			return nil, err
		}
		b.WriteString(v.Text())
		if b.Len() > maxText {
			return nil, hinted(fmt.Sprintf("interpolations make this text longer than %d MiB", maxText>>20), "refer to fewer texts, or shorter ones")
		}
	}
	return p.literal(b.String()), nil
}

// text reads up to the closing quote, or to the end if quote is empty. A text that is exactly one interpolation keeps that one's
// type. A backslash before ${ or before the quote escapes it, two are one backslash, any other is a plain character.
func (p *textParser) text(quote string) (*Value, error) {
	var parts []*Value
	var plain strings.Builder
	closed := quote == ""
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, p.literal(plain.String()))
			plain.Reset()
		}
	}
	for p.pos < len(p.s) {
		rest := p.s[p.pos:]
		slashes := len(rest) - len(strings.TrimLeft(rest, `\`))
		rest = rest[slashes:]
		special := ""
		switch {
		case strings.HasPrefix(rest, "${"):
			special = "${"
		case quote != "" && strings.HasPrefix(rest, quote):
			special = quote
		}
		p.pos += slashes
		if special == "" {
			plain.WriteString(strings.Repeat(`\`, slashes))
			if rest != "" {
				plain.WriteByte(rest[0])
				p.pos++
			}
			continue
		}
		plain.WriteString(strings.Repeat(`\`, slashes/2))
		if slashes%2 == 1 {
			plain.WriteString(special)
			p.pos += len(special)
			continue
		}
		if special == quote {
			p.pos += len(quote)
			closed = true
			break
		}
		flush()
		v, err := p.interpolation()
		if err != nil {
			return nil, err
		}
		parts = append(parts, v)
	}
	if !closed {
		return nil, syntaxError("a text in quotes has no closing " + quote)
	}
	flush()
	if len(parts) == 1 && quote == "" {
		return parts[0], nil
	}
	return p.concat(parts)
}

func (p *textParser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *textParser) spaces() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' {
		p.pos++
	}
}

// interpolation evaluates from ${ to its }: ${a.b} is a reference, ${name:argument,…} calls a resolver.
func (p *textParser) interpolation() (*Value, error) {
	if p.depth == maxNesting {
		return nil, errNested
	}
	p.depth++
	defer func() { p.depth-- }()
	start := p.pos
	p.pos += len("${")
	p.spaces()
	ref := reference{}
	for p.peek() == '.' {
		ref.up++
		p.pos++
	}
	plain := true
	for first := true; ; first = false {
		before := p.pos
		name, err := p.name(first)
		if err != nil {
			return nil, err
		}
		if p.pos == before {
			break
		}
		plain = plain && !strings.Contains(p.s[before:p.pos], "${")
		ref.names = append(ref.names, name)
	}
	p.spaces()
	switch {
	case p.pos >= len(p.s):
		return nil, errUnclosed
	case p.peek() == '}':
		p.pos++
		ref.text = p.s[start:p.pos]
		return p.resolver.lookup(ref, p.at)
	case p.peek() != ':':
		return nil, syntaxError(fmt.Sprintf("%q cannot stand in an interpolation's path", p.s[p.pos:p.pos+1]))
	case !plain:
		return nil, syntaxError("a resolver's name cannot be an interpolation")
	case ref.up > 0:
		return nil, syntaxError("a resolver's name begins with a dot")
	}
	p.pos++
	arguments, err := p.sequence('}')
	if err != nil {
		return nil, err
	}
	return p.resolver.call(call{name: strings.Join(ref.names, "."), arguments: arguments, text: p.s[start:p.pos]}, p.at)
}

// nameEnd are the characters that end a name in a path.
const nameEnd = "\\{}()[]:. \t\n'\"$"

// name reads the next name of a path, a text or an interpolation. At the path's end it reads nothing.
func (p *textParser) name(first bool) (name string, err error) {
	bracket := p.peek() == '['
	switch {
	case bracket, !first && p.peek() == '.':
		p.pos++
	case !first:
		return "", nil
	}
	if strings.HasPrefix(p.s[p.pos:], "${") {
		v, err := p.interpolation()
		if err != nil {
			return "", err
		}
		name = v.Text()
	} else {
		n := strings.IndexAny(p.s[p.pos:], nameEnd)
		if n < 0 {
			return "", errUnclosed
		}
		if n == 0 {
			return "", syntaxError("a path has an empty name in it")
		}
		name = p.s[p.pos : p.pos+n]
		p.pos += n
	}
	if bracket {
		if p.peek() != ']' {
			return "", syntaxError("a path has a [ without its ]")
		}
		p.pos++
	}
	return name, nil
}

// commas calls parse for everything between commas, up to the closing character.
func (p *textParser) commas(closing byte, parse func() error) error {
	if p.depth == maxNesting {
		return errNested
	}
	p.depth++
	defer func() { p.depth-- }()
	p.spaces()
	if p.peek() == closing {
		p.pos++
		return nil
	}
	for {
		if err := parse(); err != nil {
			return err
		}
		p.spaces()
		if p.pos >= len(p.s) {
			return syntaxError(fmt.Sprintf("there is no closing %c", closing))
		}
		p.pos++
		switch p.s[p.pos-1] {
		case closing:
			return nil
		case ',':
		default:
			return syntaxError(fmt.Sprintf("%q stands where a comma or %c should", p.s[p.pos-1:p.pos], closing))
		}
	}
}

// sequence reads the values of a list, or the arguments of a call.
func (p *textParser) sequence(closing byte) (items []*Value, err error) {
	err = p.commas(closing, func() error {
		item, err := p.element()
		items = append(items, item)
		return err
	})
	return items, err
}

// element reads one value of a call's arguments, a list or a map, with everything below it.
func (p *textParser) element() (v *Value, err error) {
	p.spaces()
	switch p.peek() {
	case '\'', '"':
		quote := p.s[p.pos : p.pos+1]
		p.pos++
		v, err = p.text(quote)
	case '[':
		p.pos++
		v = &Value{Kind: KindList, Source: p.at.Source}
		v.Items, err = p.sequence(']')
	case '{':
		p.pos++
		v = newMap(p.at.Source)
		err = p.commas('}', func() error { return p.mapEntry(v) })
	default:
		v, err = p.primitive(",}]")
	}
	if err != nil {
		return nil, err
	}
	return p.resolver.deep(v, nil)
}

func (p *textParser) mapEntry(m *Value) error {
	p.spaces()
	if c := p.peek(); c == '"' || c == '\'' {
		return syntaxError("a map's key takes no quotes here")
	}
	start := p.pos
	key, err := p.primitive(":,}]")
	if err != nil {
		return err
	}
	if strings.Contains(p.s[start:p.pos], "${") {
		return syntaxError("a map's key cannot be an interpolation")
	}
	if p.peek() != ':' {
		return syntaxError("a map has a key without a value")
	}
	p.pos++
	value, err := p.element()
	if err == nil {
		m.set(entryOf(key.Scalar, value))
	}
	return err
}

// primitive reads a text without quotes up to one of the characters in end, and gives it the type it looks like.
func (p *textParser) primitive(end string) (*Value, error) {
	var parts []*Value
	var plain strings.Builder
	// fixed is the length of plain that must not be trimmed: escaped spaces stay.
	fixed := 0
	escaped := false
	for p.pos < len(p.s) && !strings.ContainsRune(end, rune(p.s[p.pos])) {
		rest := p.s[p.pos:]
		switch {
		case strings.HasPrefix(rest, "${"):
			if plain.Len() > 0 {
				parts = append(parts, p.literal(plain.String()))
				plain.Reset()
				fixed = 0
			}
			v, err := p.interpolation()
			if err != nil {
				return nil, err
			}
			parts = append(parts, v)
		case rest[0] == '\\' && len(rest) > 1 && strings.ContainsRune("\\()[]{}:=, \t", rune(rest[1])):
			plain.WriteByte(rest[1])
			fixed = plain.Len()
			escaped = true
			p.pos += 2
		default:
			plain.WriteByte(rest[0])
			p.pos++
		}
	}
	text := plain.String()
	text = text[:fixed] + strings.TrimRight(text[fixed:], " \t\n")
	switch {
	case len(parts) == 0 && escaped:
		return p.literal(text), nil
	case len(parts) == 0:
		return p.literal(typedLiteral(text)), nil
	case text != "":
		parts = append(parts, p.literal(text))
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return p.concat(parts)
}

var (
	grammarInt   = lazily.Regexp(`^[-+]?(?:0|[1-9](?:_?[0-9])*)$`)
	grammarFloat = lazily.Regexp(`^[-+]?(?:` +
		`(?:(?:0|[1-9](?:_?[0-9])*)?\.[0-9](?:_?[0-9])*|(?:0|[1-9](?:_?[0-9])*)\.?)(?:[eE][-+]?[0-9](?:_?[0-9])*)?|` +
		`(?i:inf|nan))$`)
)

// typedLiteral reads a text by the rules within an interpolation, which are narrower than those of YAML.
func typedLiteral(s string) any {
	switch strings.ToLower(s) {
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	}
	if grammarInt().MatchString(s) {
		if n, ok := yamlInteger(s); ok {
			return n
		}
	}
	if grammarFloat().MatchString(s) {
		return yamlReal(s)
	}
	return s
}
