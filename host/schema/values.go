package schema

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Values are the values that an argument vector gives to declared arguments, by their names: a bool for a flag without a value, a number or a
// text, or a list of those. A word that the argument's type does not take is a text.
func Values(task *Task, args []string) map[string]any {
	p := newParser(task)
	p.parse(args)
	p.assign()
	values := map[string]any{}
	for _, o := range p.found {
		a := o.argument
		_, most := a.count()
		switch {
		case a.Arity == "0" || a.Type == Bool && len(o.values) == 0:
			values[a.Name] = !strings.HasPrefix(o.spelling, "--no-")
			continue
		case most == 1 && len(o.values) == 1:
			values[a.Name] = a.one(o.values[0], values[a.Name])
			continue
		}
		list := []any{}
		for _, word := range o.values {
			list = append(list, a.typed(word))
		}
		values[a.Name] = list
	}
	return values
}

// one is the value of one word, added to the former ones of a repeatable argument.
func (a *Argument) one(word string, before any) any {
	if !a.Repeatable {
		return a.typed(word)
	}
	list, _ := before.([]any)
	return append(list, a.typed(word))
}

func (a *Argument) typed(word string) any {
	switch a.Type {
	case Int, Float:
		if number := json.Number(word); json.Valid([]byte(word)) && number != "" {
			if _, err := number.Float64(); err == nil {
				return number
			}
		}
	case Bool:
		if b, err := strconv.ParseBool(word); err == nil {
			return b
		}
	case JSON:
		if json.Valid([]byte(word)) {
			return json.RawMessage(word)
		}
	}
	return word
}
