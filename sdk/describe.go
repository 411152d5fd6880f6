package sdk

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// describe returns the task's description for the host. It makes an empty T for kong to read, and calls none of its methods.
func (d *definition) describe() (*pb.Task, error) {
	g, err := newGrammar(d)
	if err != nil {
		return nil, err
	}
	t := &pb.Task{
		Name: d.name, Kind: pb.TaskKind_TASK_KIND_NORMAL, Summary: d.summary, Description: d.description, Template: d.template,
	}
	if d.lister {
		t.Capabilities = append(t.Capabilities, wire.List)
	}
	if d.device {
		t.Kind = pb.TaskKind_TASK_KIND_DEVICE
		t.Capabilities = append(t.Capabilities, wire.Stages, wire.Finish)
	}
	if d.checker {
		t.Capabilities = append(t.Capabilities, wire.IsExecuted)
	}
	for _, v := range g.positionals() {
		a, err := g.argument(v)
		if err != nil {
			return nil, fmt.Errorf("argument <%s> of task %s: %w", v.Name, d.name, err)
		}
		t.Arguments = append(t.Arguments, a)
	}
	for _, f := range g.flags() {
		if f.Hidden {
			t.OpenArguments = true
			continue
		}
		a, err := g.argument(f.Value)
		if err != nil {
			return nil, fmt.Errorf("argument --%s of task %s: %w", f.Name, d.name, err)
		}
		flags, negation := spellings(f)
		a.Flags = flags
		// The host knows negations as --no-NAME. Another name is one more form of the flag.
		a.Negatable = negation == "--no-"+f.Name
		if negation != "" && !a.Negatable {
			a.Flags = append(a.Flags, negation)
		}
		t.Arguments = append(t.Arguments, a)
	}
	return t, nil
}

func (g *grammar) argument(v *kong.Value) (*pb.Argument, error) {
	a := &pb.Argument{Name: v.Name, Required: v.Required, Help: v.Help}
	typ := v.Target.Type()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	list := v.IsSlice() && v.Tag.Type != "json" && typ != reflect.TypeFor[json.RawMessage]()
	if list {
		typ = typ.Elem()
		a.Repeatable = v.Flag != nil
	}
	switch {
	case list && v.Flag == nil && !v.Required:
		a.Arity = "*"
	case list && (v.Flag == nil || g.greedy(v)):
		a.Arity = "+"
	case !list && v.Flag == nil && !v.Required:
		a.Arity = "?"
	}
	a.Type, a.TypeName = argumentType(v, typ)
	switch {
	case v.IsCounter():
		a.Type, a.TypeName, a.Arity, a.Repeatable = pb.ArgumentType_ARGUMENT_TYPE_BOOL, "counter", "0", true
	case v.IsBool():
		a.Arity = "0"
	case a.GetType() == pb.ArgumentType_ARGUMENT_TYPE_CUSTOM && v.IsMap():
		a.TypeName, a.Repeatable = "KEY=VALUE", true
	}
	return a, setValues(a, v)
}

// setValues adds the default and the choices as JSON texts.
func setValues(a *pb.Argument, v *kong.Value) error {
	if v.HasDefault {
		target := reflect.New(v.Target.Type()).Elem()
		if err := decode(v, v.Default, target); err != nil {
			return fmt.Errorf("its default: %s", trimName(err.Error(), v))
		}
		a.DefaultJson = jsonValue(a.GetType(), v.Default, target)
	} else if v.IsBool() && !v.IsCounter() && !v.Required {
		a.DefaultJson = "false"
	}
	if v.Enum == "" {
		return nil
	}
	for _, choice := range v.EnumSlice() {
		target := reflect.New(v.Target.Type()).Elem()
		if err := decode(v, choice, target); err != nil {
			return fmt.Errorf("its choice %s: %s", choice, trimName(err.Error(), v))
		}
		if v.IsSlice() && target.Len() == 1 {
			target = target.Index(0)
		}
		a.ChoicesJson = append(a.ChoicesJson, jsonValue(a.GetType(), choice, target))
	}
	return nil
}

// jsonValue writes a value for help and configurations. The plugin's own types and durations keep their text.
func jsonValue(typ pb.ArgumentType, written string, plain reflect.Value) string {
	for plain.Kind() == reflect.Pointer && !plain.IsNil() {
		plain = plain.Elem()
	}
	var value any = written
	switch typ {
	case pb.ArgumentType_ARGUMENT_TYPE_CUSTOM:
	case pb.ArgumentType_ARGUMENT_TYPE_DURATION, pb.ArgumentType_ARGUMENT_TYPE_PATH:
		// kong makes paths absolute, but a default is relative to the working directory of each run.
		if plain.Kind() == reflect.Slice {
			value = kong.SplitEscaped(written, ',')
		}
	default:
		value = plain.Interface()
	}
	e := newEncoder()
	if e.any(value) != nil {
		e.dst = nil
		_ = e.any(written)
	}
	return string(e.dst)
}

func argumentType(v *kong.Value, typ reflect.Type) (pb.ArgumentType, string) {
	name := typ.String()
	switch v.Tag.Type {
	case "json":
		return pb.ArgumentType_ARGUMENT_TYPE_JSON, "json"
	case "path", "existingfile", "existingdir", "filecontent":
		return pb.ArgumentType_ARGUMENT_TYPE_PATH, v.Tag.Type
	case "":
	default:
		return pb.ArgumentType_ARGUMENT_TYPE_CUSTOM, v.Tag.Type
	}
	switch typ {
	case reflect.TypeFor[time.Duration]():
		return pb.ArgumentType_ARGUMENT_TYPE_DURATION, "duration"
	case reflect.TypeFor[json.RawMessage]():
		return pb.ArgumentType_ARGUMENT_TYPE_JSON, "json"
	}
	if reflect.PointerTo(typ).NumMethod() > 0 && typ.PkgPath() != "" {
		// Types with methods may read their text themselves.
		return pb.ArgumentType_ARGUMENT_TYPE_CUSTOM, name
	}
	switch typ.Kind() {
	case reflect.String:
		return pb.ArgumentType_ARGUMENT_TYPE_STRING, name
	case reflect.Bool:
		return pb.ArgumentType_ARGUMENT_TYPE_BOOL, name
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return pb.ArgumentType_ARGUMENT_TYPE_INT, name
	case reflect.Float32, reflect.Float64:
		return pb.ArgumentType_ARGUMENT_TYPE_FLOAT, name
	default:
		return pb.ArgumentType_ARGUMENT_TYPE_CUSTOM, name
	}
}
