package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// resolverNames are the resolvers: ${name:…} calls one.
var resolverNames = []string{"oc.env", "oc.decode", "oc.select", "oc.create", "oc.deprecated", "oc.dict.keys", "oc.dict.values"}

// call is ${name:argument,…}. All arguments are evaluated, even a default that is not needed.
type call struct {
	name      string
	arguments []*Value
	text      string
}

func (r *resolver) call(c call, at *Value) (*Value, error) {
	if !slices.Contains(resolverNames, c.name) {
		hint := problem.Meant(c.name, "there are", resolverNames)
		if c.name == "env" {
			hint = "did you mean oc.env?"
		}
		return nil, hinted(fmt.Sprintf("%s: unknown resolver %s", c.text, c.name), hint)
	}
	most, takes := 1, "one argument"
	if c.name == "oc.env" || c.name == "oc.select" || c.name == "oc.deprecated" {
		most, takes = 2, "one or two arguments"
	}
	if n := len(c.arguments); n < 1 || n > most {
		return nil, hinted(fmt.Sprintf("%s: %s needs %s, not %d", c.text, c.name, takes, n),
			"put an argument that holds a comma into quotes")
	}
	result, err := r.resolve(c, at)
	if err != nil {
		if _, complete := errors.AsType[*fault](err); !complete {
			err = fmt.Errorf("%s: %w", c.text, err)
		}
		return nil, err
	}
	return result, nil
}

func (r *resolver) resolve(c call, at *Value) (*Value, error) {
	first, more := c.arguments[0], c.arguments[1:]
	if c.name == "oc.create" {
		return first, nil
	}
	name, isText := first.Scalar.(string)
	decode := c.name == "oc.decode"
	switch {
	case decode && first.IsNull():
		return newScalar(nil, at.Source), nil
	case decode && !isText:
		return nil, fmt.Errorf("oc.decode needs a text, not %s", first.what())
	case decode:
		return r.decode(name, at)
	case !isText:
		return nil, fmt.Errorf("the first argument must be a name, not %s", first.what())
	case c.name == "oc.env":
		return r.environment(name, more, at, c.text)
	}
	// The path has leading dots, as in ${…}.
	path := strings.TrimLeft(name, ".")
	names, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	v, err := r.lookup(reference{up: len(name) - len(path), names: names, text: name}, at)
	if err != nil {
		if f, ok := errors.AsType[*fault](err); c.name != "oc.select" || ok && f.located {
			return nil, err
		}
		if len(more) > 0 {
			return more[0], nil
		}
		return newScalar(nil, at.Source), nil
	}
	switch c.name {
	case "oc.select":
		return v, nil
	case "oc.deprecated":
		return v, r.deprecated(name, more, at)
	}
	if v.Kind != KindMap {
		return nil, fmt.Errorf("%s is %s, not a map", name, v.what())
	}
	list := &Value{Kind: KindList, Source: at.Source, Items: make([]*Value, len(v.Entries))}
	for i, e := range v.Entries {
		item := newLiteral(e.Key, at.Source)
		if e.typed != nil {
			item = newScalar(e.typed, at.Source)
		}
		if c.name == "oc.dict.values" {
			if item, err = r.deep(e.Value, nil); err != nil {
				return nil, err
			}
		}
		list.setItem(i, item)
	}
	return list, nil
}

// deprecated warns that a value has moved. $OLD_KEY and $NEW_KEY in the message stand for the two names.
func (r *resolver) deprecated(name string, message []*Value, at *Value) error {
	text := "'$OLD_KEY' is deprecated. Change your code and config to use '$NEW_KEY'"
	if len(message) > 0 {
		own, ok := message[0].Scalar.(string)
		if !ok {
			return fmt.Errorf("the message of oc.deprecated must be a text, not %s", message[0].what())
		}
		text = own
	}
	text = strings.NewReplacer("$OLD_KEY", at.path(), "$NEW_KEY", name).Replace(text)
	r.problems = append(r.problems, problem.Problem{Source: at.Source, Path: at.path(), Message: text, Warning: true})
	return nil
}

func (r *resolver) environment(name string, fallback []*Value, at *Value, text string) (*Value, error) {
	if s, ok := os.LookupEnv(name); ok {
		return newLiteral(s, at.Source), nil
	}
	if len(fallback) == 0 {
		return nil, hinted(fmt.Sprintf("%s: the environment variable %s is not set", text, name),
			fmt.Sprintf("set it, or give a default: ${oc.env:%s,DEFAULT}", name))
	}
	if fallback[0].IsNull() {
		return newScalar(nil, at.Source), nil
	}
	return newLiteral(fallback[0].Text(), at.Source), nil
}

// decode reads a whole text as one value, by the rules within an interpolation. A plain text keeps its spaces.
func (r *resolver) decode(text string, at *Value) (*Value, error) {
	p := &textParser{resolver: r, at: at, s: text}
	var v *Value
	var err error
	switch {
	case text == "":
		err = syntaxError("there is nothing to decode")
	case strings.ContainsRune("'\"[{", rune(text[0])):
		if v, err = p.element(); err != nil {
			break
		}
		if p.spaces(); p.pos < len(text) {
			err = syntaxError("something follows the value")
		}
	case text != strings.TrimSpace(text) && !hasInterpolation(text):
		return p.literal(text), nil
	default:
		if v, err = p.primitive(",}]"); err == nil && p.pos < len(text) {
			err = syntaxError(fmt.Sprintf("%q cannot stand in a text without quotes", text[p.pos:p.pos+1]))
		}
	}
	if syntax, ok := errors.AsType[syntaxError](err); ok {
		return nil, fmt.Errorf("%q: %s", text, string(syntax)) // not wrapped: the text around it is valid
	}
	if err != nil {
		return nil, err
	}
	return r.deep(v, nil)
}
