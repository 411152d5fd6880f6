package plugin

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// The sections of docs/protocol.md that have the rules of a description.
const (
	ruleDescribe     = "Describe"
	ruleTasks        = "Tasks"
	ruleArguments    = "Arguments"
	ruleTemplates    = "Templates"
	ruleCapabilities = "Capabilities"
)

// DescriptionError is everything that is wrong with what a plugin says of itself.
type DescriptionError struct {
	Call     string
	Problems []string
}

func (e *DescriptionError) Error() string {
	times := "in one place"
	if n := len(e.Problems); n > 1 {
		times = fmt.Sprintf("in %d places", n)
	}
	shown := e.Problems
	more := ""
	if n := len(shown) - maxProblems; n > 0 {
		shown, more = shown[:maxProblems], fmt.Sprintf("\n  and %d more", n)
	}
	return fmt.Sprintf("%s: the plugin's description breaks the protocol %s:\n  %s%s", e.Call, times, strings.Join(shown, "\n  "), more)
}

// maxProblems bounds how many problems a message has.
const maxProblems = 40

// description checks an answer to Describe as a whole.
type description struct {
	problems []string
	where    []string
}

func (d *description) say(rule, format string, args ...any) {
	where := strings.Join(d.where, ", ")
	if where != "" {
		where += ": "
	}
	d.problems = append(d.problems, where+fmt.Sprintf(format, args...)+backbones.RuleNote(rule))
}

// in does something at a place, which messages name.
func (d *description) in(place string, do func()) {
	d.where = append(d.where, place)
	do()
	d.where = d.where[:len(d.where)-1]
}

// place names the element of a list, by its name where it has one.
func place(kind, name string, index int) string {
	if name == "" {
		return fmt.Sprintf("%s %d", kind, index+1)
	}
	return kind + " " + harmless(name)
}

// checkDescription returns what is wrong with an answer to Describe, all of it.
func checkDescription(resp *pb.DescribeResponse) []string {
	d := &description{}
	for _, path := range resp.GetSources() {
		if !filepath.IsAbs(path) {
			d.say(ruleDescribe, "the source %q is not an absolute path", clip(path))
		}
	}
	seen := map[string]bool{}
	for i, t := range resp.GetTasks() {
		name := t.GetName()
		d.in(place("task", name, i), func() {
			switch {
			case name == "":
				d.say(ruleTasks, "it has no name")
			case strings.HasPrefix(name, "-") || strings.ContainsFunc(name, unsayable):
				d.say(ruleTasks, "nobody can type its name %q: it must not begin with a hyphen, and have no blanks and no control characters", clip(name))
			case seen[name]:
				d.say(ruleTasks, "there are two tasks of this name")
			}
			seen[name] = true
			d.task(t)
		})
	}
	return d.problems
}

func unsayable(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func (d *description) task(t *pb.Task) {
	switch t.GetKind() {
	case pb.TaskKind_TASK_KIND_NORMAL, pb.TaskKind_TASK_KIND_DEVICE, pb.TaskKind_TASK_KIND_FACTORY:
	case pb.TaskKind_TASK_KIND_UNSPECIFIED:
		d.say(ruleTasks, "it has no kind")
	default:
		d.say(ruleTasks, "there is no kind %d", t.GetKind())
	}
	flags, names := map[string]string{}, map[string]bool{}
	for i, a := range t.GetArguments() {
		d.in(place("argument", a.GetName(), i), func() {
			if a.GetName() == "" {
				d.say(ruleArguments, "it has no name")
			} else if len(a.GetFlags()) > 0 {
				// Two positional arguments may be shown alike: their places tell them apart.
				if names[a.GetName()] {
					d.say(ruleArguments, "there are two arguments of this name")
				}
				names[a.GetName()] = true
			}
			d.argument(a, flags)
		})
	}
	if t.GetTemplate() != nil {
		d.in("template", func() { d.template(t) })
	}
	d.capabilities(t)
}

// argument checks one argument; flags are those of the ones before it, and whose they are.
func (d *description) argument(a *pb.Argument, flags map[string]string) {
	for _, flag := range a.GetFlags() {
		switch other, taken := flags[flag]; {
		case !strings.HasPrefix(flag, "-") || strings.Trim(flag, "-") == "" || strings.ContainsRune(flag, '=') || strings.ContainsFunc(flag, unsayable):
			d.say(ruleArguments, "%q is not a flag: write -x or --name, without blanks and without =", clip(flag))
		case taken:
			d.say(ruleArguments, "the flag %s is that of %s as well", flag, other)
		}
		flags[flag] = d.where[len(d.where)-1]
	}
	typ := a.GetType()
	if _, known := argumentTypes[typ]; !known && typ != pb.ArgumentType_ARGUMENT_TYPE_CUSTOM {
		if typ == pb.ArgumentType_ARGUMENT_TYPE_UNSPECIFIED {
			d.say(ruleArguments, "it has no type; ARGUMENT_TYPE_CUSTOM is for types of the plugin's own")
		} else {
			d.say(ruleArguments, "there is no type %d", typ)
		}
	}
	switch arity := a.GetArity(); arity {
	case "", "0", "?", "*", "+":
	default:
		if n, err := strconv.Atoi(arity); err != nil || n < 1 || strconv.Itoa(n) != arity {
			d.say(ruleArguments, "the arity %q is none: leave it out for one value, or write 0, ?, *, + or a number", clip(arity))
		}
	}
	if a.GetNegatable() && typ != pb.ArgumentType_ARGUMENT_TYPE_BOOL {
		d.say(ruleArguments, "it is negatable, and only a flag of ARGUMENT_TYPE_BOOL can be")
	}
	if text := a.GetDefaultJson(); text != "" {
		if _, err := fromJSON(text); err != nil {
			d.say(ruleArguments, "its default: %v", err)
		}
	}
	for i, text := range a.GetChoicesJson() {
		if _, err := fromJSON(text); err != nil {
			d.say(ruleArguments, "its choice %d: %v", i+1, err)
		}
	}
}

func (d *description) template(t *pb.Task) {
	known := map[string]bool{template.RoleDataloader: true}
	for _, f := range template.TopLevelFields() {
		known[f.Name] = true
	}
	for _, f := range t.GetTemplate().GetFields() {
		if f.GetName() != "" && !known[f.GetName()] {
			d.say(ruleTemplates, "there is no field %s", harmless(f.GetName()))
		}
	}
	d.fields(t.GetTemplate().GetFields())
}

func (d *description) fields(fields []*pb.Field) {
	type key struct{ name, json string }
	seen := map[key]bool{}
	for i, f := range fields {
		d.in(place("field", f.GetName(), i), func() {
			// The keys of a map may be anything that a file has: the empty one, and 1 beside "1".
			k := key{f.GetName(), f.GetKeyJson()}
			if seen[k] {
				d.say(ruleTemplates, "there are two fields of this name")
			}
			seen[k] = true
			d.node(f.GetValue())
		})
	}
}

func (d *description) node(n *pb.Node) {
	switch k := n.GetKind().(type) {
	case *pb.Node_Placeholder:
	case *pb.Node_Mode:
		if _, builtIn := template.SpecOf(k.Mode.GetName()); !builtIn && !k.Mode.GetCustom() {
			d.say(ruleTemplates, "there is no mode %q; one of the plugin's own has custom set", clip(k.Mode.GetName()))
		}
		for i, f := range k.Mode.GetFields() {
			if f.GetName() == "" {
				d.say(ruleTemplates, "field %d of mode %s has no name", i+1, harmless(k.Mode.GetName()))
			}
		}
		d.fields(k.Mode.GetFields())
	case *pb.Node_Map:
		d.fields(k.Map.GetFields())
	case *pb.Node_List:
		for i, e := range k.List.GetNodes() {
			d.in(fmt.Sprintf("element %d", i), func() { d.node(e) })
		}
	case *pb.Node_Json:
		if _, err := fromJSON(k.Json); err != nil {
			d.say(ruleTemplates, "%v", err)
		}
	default:
		d.say(ruleTemplates, "it has no value; null is the JSON text null")
	}
}

func (d *description) capabilities(t *pb.Task) {
	has := map[string]bool{}
	for _, c := range t.GetCapabilities() {
		has[c] = true
	}
	device := t.GetKind() == pb.TaskKind_TASK_KIND_DEVICE
	for _, c := range []string{"stages", "finish"} {
		if has[c] && !device {
			d.say(ruleCapabilities, "it has the capability %s and is not a device task", c)
		}
	}
	if device && has["finish"] && !has["stages"] {
		d.say(ruleCapabilities, "it has the capability finish without stages")
	}
}
