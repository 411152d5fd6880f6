package cli

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// valueError is what is wrong with the value of a flag. The caller knows the flag.
type valueError struct{ message string }

func (e *valueError) Error() string { return e.message }

// flagError turns kong's error about flags, as argv writes them, into the form of all errors. Of several flags it is any text: argv then
// gives them one by one.
func (a *app) flagError(command string, flags []string, err error) error {
	if len(flags) != 1 {
		return problem.Errors{{Message: err.Error()}}
	}
	name, value, _ := strings.Cut(flags[0], "=")
	p := problem.Problem{Source: name, Suggestion: "see " + a.helpAbout(command, flags)}
	f := a.flag(command, strings.TrimPrefix(name, "--"))
	wrong := new(valueError)
	switch {
	case errors.As(err, &wrong):
		p.Message = wrong.message
	case f == nil:
		p.Message = "unknown flag"
	case f.Enum != "":
		words := slices.DeleteFunc(f.EnumSlice(), func(w string) bool { return w == "" })
		p.Message = problem.OneOf(words)
		if near := problem.Near(value, words); near != "" {
			p.Suggestion = near
		}
	case f.IsBool() || f.IsCounter():
		p.Message = "takes no value"
	case f.Target.Kind() == reflect.Float64:
		p.Message = "must be a number"
	default:
		p.Message = strings.TrimPrefix(err.Error(), f.ShortSummary()+": ")
	}
	return problem.Errors{p}
}

// flag is a flag of a command or of all; nil: there is none of that name.
func (a *app) flag(command, name string) *kong.Flag {
	known := a.parser.Model.Flags
	for _, n := range a.parser.Model.Children {
		if n.Name == command {
			known = slices.Concat(known, n.Flags)
		}
	}
	if i := slices.IndexFunc(known, func(f *kong.Flag) bool { return f.Name == name }); i >= 0 {
		return known[i]
	}
	return nil
}
