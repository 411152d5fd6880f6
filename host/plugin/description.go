package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Describe asks what tasks the plugin has. task names one that the answer should have, or is empty; mixinJSON is for
// tasks that are functions.
func (p *Process) Describe(ctx context.Context, version, task string, mixinJSON []byte) (described *schema.Plugin, basis Basis, err error) {
	call := "describing " + p.name
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s; --start-timeout gives it longer", p.timeout))
	defer cancel()
	resp, err := p.service.Describe(ctx, &pb.DescribeRequest{
		HostVersion: version, Capabilities: hostCapabilities, Task: task, MixinJson: mixinJSON,
	})
	if err != nil {
		return nil, basis, p.callError(ctx, call, err)
	}
	if err := taskError(call, resp.GetError()); err != nil {
		return nil, basis, err
	}
	described, err = readDescription(call, resp)
	return described, basisOf(resp), err
}

// maxProblems bounds how many problems a message has.
const maxProblems = 40

// description reads an answer to Describe, and collects everything in it that breaks the protocol.
type description struct {
	problems []string
	where    []string
}

// readDescription converts an answer to Describe. Its error lists all problems.
func readDescription(call string, resp *pb.DescribeResponse) (*schema.Plugin, error) {
	d := &description{}
	p := d.plugin(resp)
	n := len(d.problems)
	switch {
	case n == 0:
		return p, nil
	case n > maxProblems:
		d.problems = append(d.problems[:maxProblems], fmt.Sprintf("and %d more", n-maxProblems))
	}
	times := "in one place"
	if n > 1 {
		times = fmt.Sprintf("in %d places", n)
	}
	return nil, fmt.Errorf("%s: the plugin's description breaks the protocol %s:\n  %s", call, times, strings.Join(d.problems, "\n  "))
}

// say adds a problem. rule is the section of docs/protocol.md with the broken rule.
func (d *description) say(rule, format string, args ...any) {
	where := strings.Join(d.where, ", ")
	if where != "" {
		where += ": "
	}
	d.problems = append(d.problems, where+fmt.Sprintf(format, args...)+backbones.RuleNote(rule))
}

// in reads a part, which messages name.
func (d *description) in(part string, read func()) {
	d.where = append(d.where, part)
	read()
	d.where = d.where[:len(d.where)-1]
}

// partOf names the element of a list, by its name if it has one.
func partOf(kind, name string, index int) string {
	if name == "" {
		return fmt.Sprintf("%s %d", kind, index+1)
	}
	return kind + " " + harmless(name)
}

func (d *description) plugin(resp *pb.DescribeResponse) *schema.Plugin {
	p := &schema.Plugin{Name: resp.GetName(), Version: resp.GetVersion(), SDK: resp.GetSdk(), Capabilities: resp.GetCapabilities()}
	for _, path := range resp.GetSources() {
		if !filepath.IsAbs(path) {
			d.say("Describe", "the source %q is not an absolute path", clip(path))
		}
	}
	seen := map[string]bool{}
	for i, t := range resp.GetTasks() {
		name := t.GetName()
		d.in(partOf("task", name, i), func() {
			switch {
			case name == "":
				d.say("Tasks", "it has no name")
			case strings.HasPrefix(name, "-") || strings.ContainsFunc(name, unsayable):
				d.say("Tasks", "its name %q cannot be typed: it must not begin with a hyphen, and must not have blanks or control characters", clip(name))
			case seen[name]:
				d.say("Tasks", "there are two tasks of this name")
			}
			seen[name] = true
			p.Tasks = append(p.Tasks, d.task(t))
		})
	}
	return p
}

func unsayable(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func (d *description) task(t *pb.Task) schema.Task {
	task := schema.Task{
		Name: t.GetName(), Summary: t.GetSummary(), Description: t.GetDescription(), OpenArguments: t.GetOpenArguments(),
		Usage: t.GetUsage(), Capabilities: t.GetCapabilities(), Flags: t.GetFlags(),
	}
	switch t.GetKind() {
	case pb.TaskKind_TASK_KIND_NORMAL:
	case pb.TaskKind_TASK_KIND_DEVICE:
		task.Kind = schema.Device
	case pb.TaskKind_TASK_KIND_FACTORY:
		task.Kind = schema.Factory
	case pb.TaskKind_TASK_KIND_UNSPECIFIED:
		d.say("Tasks", "it has no kind")
	default:
		d.say("Tasks", "unknown kind %d", t.GetKind())
	}
	flags, names := map[string]string{}, map[string]bool{}
	for i, a := range t.GetArguments() {
		d.in(partOf("argument", a.GetName(), i), func() {
			if a.GetName() == "" {
				d.say("Arguments", "it has no name")
			} else if len(a.GetFlags()) > 0 {
				// Two positional arguments may be shown alike: their places tell them apart.
				if names[a.GetName()] {
					d.say("Arguments", "there are two arguments of this name")
				}
				names[a.GetName()] = true
			}
			task.Arguments = append(task.Arguments, d.argument(a, flags))
		})
	}
	for _, m := range t.GetProblems() {
		task.Mistakes = append(task.Mistakes, schema.Mistake{Where: m.GetWhere(), Message: m.GetMessage(), Hint: m.GetSuggestion(), Fields: m.GetFields()})
	}
	if t.GetTemplate() != nil {
		d.in("template", func() { task.Template = d.template(t.GetTemplate().GetFields()) })
	}
	for _, c := range []string{"stages", "finish"} {
		if task.Has(c) && task.Kind != schema.Device {
			d.say("Capabilities", "it has the capability %s and is not a device task", c)
		}
	}
	if task.Kind == schema.Device && task.Has("finish") && !task.Has("stages") {
		d.say("Capabilities", "it has the capability finish without stages")
	}
	return task
}

var argumentTypes = map[pb.ArgumentType]schema.Type{
	pb.ArgumentType_ARGUMENT_TYPE_STRING: schema.String, pb.ArgumentType_ARGUMENT_TYPE_INT: schema.Int,
	pb.ArgumentType_ARGUMENT_TYPE_FLOAT: schema.Float, pb.ArgumentType_ARGUMENT_TYPE_BOOL: schema.Bool,
	pb.ArgumentType_ARGUMENT_TYPE_JSON: schema.JSON, pb.ArgumentType_ARGUMENT_TYPE_PATH: schema.Path,
	pb.ArgumentType_ARGUMENT_TYPE_DURATION: schema.Duration, pb.ArgumentType_ARGUMENT_TYPE_CUSTOM: schema.Custom,
}

// argument reads one argument; flags are those of the ones before it, and whose they are.
func (d *description) argument(a *pb.Argument, flags map[string]string) schema.Argument {
	for _, flag := range a.GetFlags() {
		switch other, taken := flags[flag]; {
		case !strings.HasPrefix(flag, "-") || strings.Trim(flag, "-") == "" || strings.ContainsRune(flag, '=') || strings.ContainsFunc(flag, unsayable):
			d.say("Arguments", "%q is not a flag: write -x or --name, without blanks and without =", clip(flag))
		case taken:
			d.say("Arguments", "the flag %s is that of %s as well", flag, other)
		}
		flags[flag] = d.where[len(d.where)-1]
	}
	typ, known := argumentTypes[a.GetType()]
	switch {
	case a.GetType() == pb.ArgumentType_ARGUMENT_TYPE_UNSPECIFIED:
		d.say("Arguments", "it has no type; ARGUMENT_TYPE_CUSTOM is for types of the plugin's own")
	case !known:
		d.say("Arguments", "unknown type %d", a.GetType())
	}
	switch arity := a.GetArity(); arity {
	case "", "0", "?", "*", "+":
	default:
		if n, err := strconv.Atoi(arity); err != nil || n < 1 || strconv.Itoa(n) != arity {
			d.say("Arguments", "invalid arity %q: leave it out for one value, or write 0, ?, *, + or a number", clip(arity))
		}
	}
	if a.GetNegatable() && typ != schema.Bool {
		d.say("Arguments", "it is negatable, and only a flag of ARGUMENT_TYPE_BOOL can be")
	}
	arg := schema.Argument{
		Name: a.GetName(), Flags: a.GetFlags(), Type: typ, TypeName: a.GetTypeName(), Arity: a.GetArity(),
		Required: a.GetRequired(), Help: a.GetHelp(), Repeatable: a.GetRepeatable(), Negatable: a.GetNegatable(), Ends: a.GetEnds(),
	}
	if text := a.GetDefaultJson(); text != "" {
		arg.Default, arg.HasDefault = d.json("Arguments", "its default: ", text), true
	}
	for i, text := range a.GetChoicesJson() {
		arg.Choices = append(arg.Choices, d.json("Arguments", fmt.Sprintf("its choice %d: ", i+1), text))
	}
	return arg
}

// json reads a value. what precedes the problem if it is not JSON.
func (d *description) json(rule, what, text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		d.say(rule, "%s%q is not JSON: %v", what, clip(text), err)
	} else if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		d.say(rule, "%s%q is not JSON: text follows the value", what, clip(text))
	}
	return v
}

func (d *description) template(fields []*pb.Field) *template.Node {
	known := map[string]bool{template.RoleDataloader: true}
	for _, f := range template.TopLevelFields() {
		known[f.Name] = true
	}
	for _, f := range fields {
		if f.GetName() != "" && !known[f.GetName()] {
			d.say("Templates", "there is no field %s", harmless(f.GetName()))
		}
	}
	return &template.Node{Kind: template.KindMap, Fields: d.fields(fields)}
}

func (d *description) fields(fields []*pb.Field) []template.Field {
	type key struct{ name, json string }
	seen := map[key]bool{}
	out := make([]template.Field, len(fields))
	for i, f := range fields {
		d.in(partOf("field", f.GetName(), i), func() {
			// The keys of a map may be anything that a file has: the empty one, and 1 beside "1".
			k := key{f.GetName(), f.GetKeyJson()}
			if seen[k] {
				d.say("Templates", "there are two fields of this name")
			}
			seen[k] = true
			name := k.name
			if k.json != "" {
				var err error
				if name, err = template.KeyText(k.json); err != nil {
					d.say("Templates", "%v", err)
				}
			}
			out[i] = template.Field{Name: name, KeyJSON: k.json, Value: d.node(f.GetValue()), Help: f.GetHelp(), TypeName: f.GetTypeName()}
		})
	}
	return out
}

func (d *description) node(n *pb.Node) *template.Node {
	switch k := n.GetKind().(type) {
	case *pb.Node_Placeholder:
		return &template.Node{Kind: template.KindPlaceholder}
	case *pb.Node_Mode:
		name := k.Mode.GetName()
		if !k.Mode.GetCustom() {
			name = template.ModeName(name)
		}
		if _, builtIn := template.SpecOf(name); !builtIn && !k.Mode.GetCustom() {
			d.say("Templates", "there is no mode %q; one of the plugin's own has custom set", clip(k.Mode.GetName()))
		}
		for i, f := range k.Mode.GetFields() {
			if f.GetName() == "" {
				d.say("Templates", "field %d of mode %s has no name", i+1, harmless(k.Mode.GetName()))
			}
		}
		mode := &template.Node{Kind: template.KindMode, Mode: name, Custom: k.Mode.GetCustom(), Fields: d.fields(k.Mode.GetFields())}
		mode.Complete()
		return mode
	case *pb.Node_Map:
		return &template.Node{Kind: template.KindMap, Fields: d.fields(k.Map.GetFields())}
	case *pb.Node_List:
		list := &template.Node{Kind: template.KindList}
		for i, e := range k.List.GetNodes() {
			d.in(fmt.Sprintf("element %d", i), func() { list.List = append(list.List, d.node(e)) })
		}
		return list
	case *pb.Node_Json:
		return template.FromJSON(d.json("Templates", "", k.Json))
	default:
		d.say("Templates", "it has no value; null is the JSON text null")
		return template.Scalar(nil)
	}
}
