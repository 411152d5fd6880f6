package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// An expr is a piece of a text with interpolations: literal, concat, reference or call. The arguments of a call may be
// listExpr and mapExpr too.
type expr any

// literal is a plain value: nil, bool, string, json.Number or float64.
type literal struct{ value any }

// concat is several pieces that become one text.
type concat struct{ parts []expr }

// reference is ${a.b}. The names are literal texts or interpolations.
type reference struct {
	// up is the number of leading dots: 0 starts at the root, 1 at the map or list that holds the text.
	up    int
	names []expr
	text  string
}

// call is ${name:argument,…}.
type call struct {
	name      string
	arguments []expr
	text      string
}

type listExpr struct{ items []expr }

type mapExpr struct {
	keys   []any
	values []expr
}

// hasInterpolation reports whether a text must be parsed. Any other text stands for itself, backslashes included.
func hasInterpolation(s string) bool { return strings.Contains(s, "${") }

// parseInterpolation parses a text with interpolations. A text that is exactly one interpolation keeps that one's type.
func parseInterpolation(s string) (expr, error) {
	p := &interpParser{s: s}
	e, err := p.text("")
	if err != nil {
		return nil, fmt.Errorf("%w in %q", err, s)
	}
	return e, nil
}

type interpParser struct {
	s     string
	pos   int
	depth int
}

var errUnclosed = errors.New("an interpolation that begins with ${ has no }")

// maxNesting bounds the parser's recursion.
const maxNesting = 200

// nested calls parse, one level deeper.
func (p *interpParser) nested(what string, parse func() error) error {
	if p.depth == maxNesting {
		return fmt.Errorf("too many %s within one another", what)
	}
	p.depth++
	defer func() { p.depth-- }()
	return parse()
}

// text parses up to the closing quote, or to the end if quote is empty. A backslash before ${ or before the quote escapes it, two
// are one backslash, any other is a plain character.
func (p *interpParser) text(quote string) (expr, error) {
	var parts []expr
	var plain strings.Builder
	closed := quote == ""
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, literal{plain.String()})
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
		e, err := p.interpolation()
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	if !closed {
		return nil, fmt.Errorf("a text in quotes has no closing %s", quote)
	}
	flush()
	if len(parts) == 1 && quote == "" {
		return parts[0], nil
	}
	if len(parts) == 0 {
		return literal{""}, nil
	}
	return concat{parts}, nil
}

func (p *interpParser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *interpParser) spaces() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' {
		p.pos++
	}
}

// interpolation parses from ${ to its }.
func (p *interpParser) interpolation() (e expr, err error) {
	err = p.nested("interpolations", func() error {
		e, err = p.referenceOrCall()
		return err
	})
	return e, err
}

func (p *interpParser) referenceOrCall() (expr, error) {
	start := p.pos
	p.pos += len("${")
	p.spaces()
	ref := reference{}
	for p.peek() == '.' {
		ref.up++
		p.pos++
	}
	for first := true; ; first = false {
		name, err := p.name(first)
		if err != nil {
			return nil, err
		}
		if name == nil {
			break
		}
		ref.names = append(ref.names, name)
	}
	if len(ref.names) == 0 {
		if p.pos >= len(p.s) {
			return nil, errUnclosed
		}
		return nil, errors.New("an interpolation names nothing")
	}
	p.spaces()
	switch p.peek() {
	case '}':
		p.pos++
		ref.text = p.s[start:p.pos]
		return ref, nil
	case ':':
		var names []string
		for _, n := range ref.names {
			l, ok := n.(literal)
			if !ok {
				return nil, errors.New("a resolver's name cannot be an interpolation")
			}
			names = append(names, l.value.(string))
		}
		if ref.up > 0 {
			return nil, errors.New("a resolver's name begins with a dot")
		}
		p.pos++
		arguments, err := p.sequence('}')
		if err != nil {
			return nil, err
		}
		return call{name: strings.Join(names, "."), arguments: arguments, text: p.s[start:p.pos]}, nil
	}
	if p.pos >= len(p.s) {
		return nil, errUnclosed
	}
	return nil, fmt.Errorf("%q cannot stand in an interpolation's path", p.s[p.pos:p.pos+1])
}

// nameEnd are the characters that end a name in a path.
const nameEnd = "\\{}()[]:. \t\n'\"$"

// name parses the next name of a path: nil at the path's end.
func (p *interpParser) name(first bool) (expr, error) {
	bracket := p.peek() == '['
	switch {
	case bracket:
		p.pos++
	case first:
	case p.peek() == '.':
		p.pos++
	default:
		return nil, nil
	}
	var name expr
	if strings.HasPrefix(p.s[p.pos:], "${") {
		var err error
		if name, err = p.interpolation(); err != nil {
			return nil, err
		}
	} else {
		n := strings.IndexAny(p.s[p.pos:], nameEnd)
		if n < 0 {
			return nil, errUnclosed
		}
		if n == 0 {
			return nil, errors.New("a path has an empty name in it")
		}
		name = literal{p.s[p.pos : p.pos+n]}
		p.pos += n
	}
	if bracket {
		if p.peek() != ']' {
			return nil, errors.New("a path has a [ without its ]")
		}
		p.pos++
	}
	return name, nil
}

// commas calls parse for everything between commas, up to the closing character.
func (p *interpParser) commas(closing byte, parse func() error) error {
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
			return fmt.Errorf("there is no closing %c", closing)
		}
		p.pos++
		switch p.s[p.pos-1] {
		case closing:
			return nil
		case ',':
		default:
			return fmt.Errorf("%q stands where a comma or %c should", p.s[p.pos-1:p.pos], closing)
		}
	}
}

// sequence parses the values of a list, or the arguments of a call.
func (p *interpParser) sequence(closing byte) (items []expr, err error) {
	err = p.nested("lists", func() error {
		return p.commas(closing, func() error {
			item, err := p.element()
			items = append(items, item)
			return err
		})
	})
	return items, err
}

// element parses one value of a call's arguments, a list or a map.
func (p *interpParser) element() (expr, error) {
	p.spaces()
	switch p.peek() {
	case '\'', '"':
		quote := p.s[p.pos : p.pos+1]
		p.pos++
		return p.text(quote)
	case '[':
		p.pos++
		items, err := p.sequence(']')
		return listExpr{items}, err
	case '{':
		p.pos++
		var m mapExpr
		err := p.nested("maps", func() error {
			return p.commas('}', func() error { return p.mapEntry(&m) })
		})
		return m, err
	}
	return p.primitive(",}]")
}

func (p *interpParser) mapEntry(m *mapExpr) error {
	p.spaces()
	if c := p.peek(); c == '"' || c == '\'' {
		return errors.New("a map's key takes no quotes here")
	}
	key, err := p.primitive(":,}]")
	if err != nil {
		return err
	}
	l, ok := key.(literal)
	if !ok {
		return errors.New("a map's key cannot be an interpolation")
	}
	if p.peek() != ':' {
		return errors.New("a map has a key without a value")
	}
	p.pos++
	value, err := p.element()
	m.keys, m.values = append(m.keys, l.value), append(m.values, value)
	return err
}

// primitive parses a text without quotes up to one of the characters in end, and gives it the type it looks like.
func (p *interpParser) primitive(end string) (expr, error) {
	var parts []expr
	var plain strings.Builder
	// kept is the length of plain that must not be trimmed: escaped spaces stay.
	kept := 0
	escaped := false
	for p.pos < len(p.s) && !strings.ContainsRune(end, rune(p.s[p.pos])) {
		rest := p.s[p.pos:]
		switch {
		case strings.HasPrefix(rest, "${"):
			if plain.Len() > 0 {
				parts = append(parts, literal{plain.String()})
				plain.Reset()
				kept = 0
			}
			e, err := p.interpolation()
			if err != nil {
				return nil, err
			}
			parts = append(parts, e)
		case rest[0] == '\\' && len(rest) > 1 && strings.ContainsRune("\\()[]{}:=, \t", rune(rest[1])):
			plain.WriteByte(rest[1])
			kept = plain.Len()
			escaped = true
			p.pos += 2
		default:
			plain.WriteByte(rest[0])
			p.pos++
		}
	}
	text := plain.String()
	text = text[:kept] + strings.TrimRight(text[kept:], " \t\n")
	if len(parts) == 0 {
		if escaped {
			return literal{text}, nil
		}
		return literal{typedLiteral(text)}, nil
	}
	if text != "" {
		parts = append(parts, literal{text})
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return concat{parts}, nil
}

var (
	grammarInt   = regexp.MustCompile(`^[-+]?(?:0|[1-9](?:_?[0-9])*)$`)
	grammarFloat = regexp.MustCompile(`^[-+]?(?:` +
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
	if grammarInt.MatchString(s) {
		if n, ok := yamlInteger(s); ok {
			return n
		}
	}
	if grammarFloat.MatchString(s) {
		return yamlReal(s)
	}
	return s
}
