package argv

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// variableTag marks a flag of the grammar that a variable may give. Such a flag says how a run is done, not which items it does or where.
const variableTag = "variable"

// Variable is the name of the variable for a flag: the flag's name in capitals.
func Variable(flag string) string {
	return job.VariablePrefix + strings.ToUpper(strings.ReplaceAll(job.Canonical(flag), "-", "_"))
}

// settable is a flag that a variable may give.
type settable struct {
	// name is canonical.
	name string
	// kong is nil for a flag of a backbone.
	kong *kong.Flag
}

// settables are the flags that variables may give, from the grammar and from the backbones. Those of one command alone are among them for that
// command, and for an empty one all are.
func settables(parser *kong.Kong, command string) (flags []settable) {
	add := func(list []*kong.Flag) {
		for _, f := range list {
			known := slices.ContainsFunc(flags, func(s settable) bool { return s.name == f.Name })
			if f.Tag.Has(variableTag) && !known {
				flags = append(flags, settable{f.Name, f})
			}
		}
	}
	add(parser.Model.Flags)
	for _, n := range parser.Model.Children {
		if command == "" || n.Name == command {
			add(n.Flags)
		}
	}
	for _, f := range job.BackboneFlags() {
		if !f.Where {
			flags = append(flags, settable{name: job.Canonical(f.Name)})
		}
	}
	return flags
}

// Variables are the names of all variables that give a flag.
func Variables(parser *kong.Kong) (names []string) {
	for _, f := range settables(parser, "") {
		names = append(names, Variable(f.name))
	}
	return names
}

// otherVariables are those that give no flag. A user may set them, too.
var otherVariables = []string{"KAGURAZAKA_TOKEN", "KAGURAZAKA_PLUGIN_PATH", "KAGURAZAKA_PLAIN"}

// MisspeltVariables are warnings about variables that are one typo away from a known one.
func MisspeltVariables(parser *kong.Kong) (warnings []string) {
	known := append(Variables(parser), otherVariables...)
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, job.VariablePrefix) || slices.Contains(known, name) {
			continue
		}
		if meant := suggest.OneTypo(name, known); meant != "" {
			warnings = append(warnings, fmt.Sprintf("the variable %s has no meaning: did you mean %s?", name, meant))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// readVariables takes flags from the environment. One that the command line has does not count, except for hashes, which all must agree.
func (l *Line) readVariables(s *split) {
	for _, f := range settables(l.parser, s.Command) {
		value, set := os.LookupEnv(Variable(f.name))
		repeats := f.kong != nil && f.kong.IsSlice()
		if value != "" && protecting[f.name] {
			l.keepOn(s, f.name, value)
		}
		switch {
		// KAGURAZAKA_PYTHON is read where interpreters are looked for.
		case !set, f.name == pythonFlag, l.Ignores != nil && l.Ignores(s.Command, f.name), (value == "" || s.gives(f.name)) && !repeats:
			continue
		}
		flag := hostFlag{name: f.name, at: -1, value: -1}
		switch {
		case value == "":
			s.flaws = append(s.flaws, flawOf(flag, Variable(f.name), "the value is empty", ""))
		case f.kong == nil:
			s.variableValues = append(s.variableValues, job.Value{Name: f.name, Value: value, Source: Variable(f.name)})
		case f.kong.IsBool():
			// A variable turns a flag on, and never off.
			on, err := strconv.ParseBool(value)
			switch {
			case err != nil:
				s.flaws = append(s.flaws, flawOf(flag, l.typed(flag), "must be 1 or 0", ""))
			case on:
				flag.text = dashes + f.name
			default:
				continue
			}
		default:
			flag.text = dashes + f.name + "=" + value
		}
		s.variables = append(s.variables, flag)
	}
}

// keepOn refuses a flag of the command line that turns off what a variable has turned on. It protects the user, so it stays on.
func (l *Line) keepOn(s *split, name, value string) {
	for i, f := range s.host {
		if f.name != name || f.text != dashes+name+"=false" {
			continue
		}
		variable := l.typed(hostFlag{name: name, at: -1})
		switch on, err := strconv.ParseBool(value); {
		case err != nil:
			s.flaws = append(s.flaws, flawOf(f, variable, "must be 1 or 0", ""))
		case on:
			s.flaws = append(s.flaws, flawOf(f, l.typed(f), variable+" has turned it on, so it stays on", "unset "+Variable(name)+" to turn it off"))
		default:
			continue
		}
		s.host[i].text = dashes + name
	}
}

// gives reports whether the command line has a flag of the host or of a backbone.
func (s *split) gives(name string) bool {
	return slices.ContainsFunc(s.host, func(f hostFlag) bool { return f.name == name }) ||
		slices.ContainsFunc(s.backbone, func(v job.Value) bool { return job.Canonical(v.Name) == name })
}

// FromVariable is the variable that gives a flag, by the flag's canonical name; empty: none does.
func (l *Line) FromVariable(name string) string {
	if slices.ContainsFunc(l.variables, func(f hostFlag) bool { return f.name == name }) {
		return Variable(name)
	}
	return ""
}

// Blame returns an error with the variable in the place of a flag that it gives.
func (l *Line) Blame(err error) error {
	variable := func(text string) *hostFlag {
		flag, _, _ := strings.Cut(text, " ")
		flag, _, _ = strings.Cut(flag, "=")
		name := job.Canonical(strings.TrimRight(flag, ":,"))
		if i := slices.IndexFunc(l.variables, func(f hostFlag) bool { return f.name == name }); i >= 0 && strings.HasPrefix(text, dashes) && !l.gives(name) {
			return &l.variables[i]
		}
		return nil
	}
	if problems := (problem.Errors)(nil); errors.As(err, &problems) {
		blamed := slices.Clone(problems)
		for i, p := range blamed {
			switch f := variable(p.Source); {
			case f == nil:
			case strings.Contains(p.Source, " "):
				blamed[i].Source = l.typed(*f)
			default:
				blamed[i].Source = Variable(f.name)
			}
		}
		return exitcode.With(exitcode.Of(err), blamed)
	}
	if err != nil {
		if f := variable(err.Error()); f != nil {
			return fmt.Errorf("%s: %w", Variable(f.name), err)
		}
	}
	return err
}
