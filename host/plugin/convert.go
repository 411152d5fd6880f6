package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

func fromDescribe(resp *pb.DescribeResponse) (*schema.Plugin, error) {
	p := &schema.Plugin{
		Name: resp.GetName(), Version: resp.GetVersion(), SDK: resp.GetSdk(), Capabilities: resp.GetCapabilities(),
	}
	for _, t := range resp.GetTasks() {
		task, err := fromTask(t)
		if err != nil {
			return nil, fmt.Errorf("task %s of plugin %s: %w", t.GetName(), p.Name, err)
		}
		p.Tasks = append(p.Tasks, task)
	}
	return p, nil
}

func fromTask(t *pb.Task) (schema.Task, error) {
	task := schema.Task{
		Name: t.GetName(), Summary: t.GetSummary(), Description: t.GetDescription(), OpenArguments: t.GetOpenArguments(),
		Usage: t.GetUsage(), Capabilities: t.GetCapabilities(), Flags: t.GetFlags(),
	}
	switch t.GetKind() {
	case pb.TaskKind_TASK_KIND_DEVICE:
		task.Kind = schema.Device
	case pb.TaskKind_TASK_KIND_FACTORY:
		task.Kind = schema.Factory
	}
	for _, a := range t.GetArguments() {
		arg, err := fromArgument(a)
		if err != nil {
			return task, fmt.Errorf("argument %s: %w", a.GetName(), err)
		}
		task.Arguments = append(task.Arguments, arg)
	}
	if t.GetTemplate() != nil {
		fields, err := fromFields(t.GetTemplate().GetFields())
		if err != nil {
			return task, fmt.Errorf("template: %w", err)
		}
		task.Template = &template.Node{Kind: template.KindMap, Fields: fields}
	}
	return task, nil
}

var argumentTypes = map[pb.ArgumentType]schema.Type{
	pb.ArgumentType_ARGUMENT_TYPE_STRING: schema.String, pb.ArgumentType_ARGUMENT_TYPE_INT: schema.Int,
	pb.ArgumentType_ARGUMENT_TYPE_FLOAT: schema.Float, pb.ArgumentType_ARGUMENT_TYPE_BOOL: schema.Bool,
	pb.ArgumentType_ARGUMENT_TYPE_JSON: schema.JSON, pb.ArgumentType_ARGUMENT_TYPE_PATH: schema.Path,
	pb.ArgumentType_ARGUMENT_TYPE_DURATION: schema.Duration,
}

func fromArgument(a *pb.Argument) (schema.Argument, error) {
	typ, ok := argumentTypes[a.GetType()]
	if !ok {
		typ = schema.Custom
	}
	arg := schema.Argument{
		Name: a.GetName(), Flags: a.GetFlags(), Type: typ, TypeName: a.GetTypeName(), Arity: a.GetArity(),
		Required: a.GetRequired(), Help: a.GetHelp(), Repeatable: a.GetRepeatable(), Negatable: a.GetNegatable(), Ends: a.GetEnds(),
	}
	if text := a.GetDefaultJson(); text != "" {
		v, err := fromJSON(text)
		if err != nil {
			return arg, fmt.Errorf("its default: %w", err)
		}
		arg.Default, arg.HasDefault = v, true
	}
	for _, text := range a.GetChoicesJson() {
		v, err := fromJSON(text)
		if err != nil {
			return arg, fmt.Errorf("its choices: %w", err)
		}
		arg.Choices = append(arg.Choices, v)
	}
	return arg, nil
}

func fromJSON(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%q is not JSON: %w", clip(text), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%q is not JSON: more follows behind the value", clip(text))
	}
	return v, nil
}

func fromFields(fields []*pb.Field) ([]template.Field, error) {
	out := make([]template.Field, 0, len(fields))
	for _, f := range fields {
		v, err := fromNode(f.GetValue())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.GetName(), err)
		}
		name := f.GetName()
		if f.GetKeyJson() != "" {
			if name, err = template.KeyText(f.GetKeyJson()); err != nil {
				return nil, err
			}
		}
		out = append(out, template.Field{Name: name, KeyJSON: f.GetKeyJson(), Value: v, Help: f.GetHelp(), TypeName: f.GetTypeName()})
	}
	return out, nil
}

func fromNode(n *pb.Node) (*template.Node, error) {
	switch k := n.GetKind().(type) {
	case *pb.Node_Placeholder:
		return &template.Node{Kind: template.KindPlaceholder}, nil
	case *pb.Node_Mode:
		fields, err := fromFields(k.Mode.GetFields())
		return &template.Node{Kind: template.KindMode, Mode: k.Mode.GetName(), Custom: k.Mode.GetCustom(), Fields: fields}, err
	case *pb.Node_Map:
		fields, err := fromFields(k.Map.GetFields())
		return &template.Node{Kind: template.KindMap, Fields: fields}, err
	case *pb.Node_List:
		list := &template.Node{Kind: template.KindList}
		for i, e := range k.List.GetNodes() {
			v, err := fromNode(e)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			list.List = append(list.List, v)
		}
		return list, nil
	case *pb.Node_Json:
		v, err := fromJSON(k.Json)
		return template.FromJSON(v), err
	default:
		return template.Scalar(nil), nil
	}
}

func toTemplate(root *template.Node) *pb.Template {
	if root == nil {
		return nil
	}
	return &pb.Template{Fields: toFields(root.Fields)}
}

func toFields(fields []template.Field) []*pb.Field {
	out := make([]*pb.Field, len(fields))
	for i, f := range fields {
		out[i] = &pb.Field{Name: f.Name, KeyJson: f.KeyJSON, Value: toNode(f.Value), Help: f.Help, TypeName: f.TypeName}
	}
	return out
}

func toNode(n *template.Node) *pb.Node {
	if n == nil {
		n = template.Scalar(nil)
	}
	switch n.Kind {
	case template.KindPlaceholder:
		return &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}
	case template.KindMode:
		return &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: n.Mode, Custom: n.Custom, Fields: toFields(n.Fields)}}}
	case template.KindMap:
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: toFields(n.Fields)}}}
	case template.KindList:
		list := &pb.NodeList{}
		for _, e := range n.List {
			list.Nodes = append(list.Nodes, toNode(e))
		}
		return &pb.Node{Kind: &pb.Node_List{List: list}}
	default:
		text, err := json.Marshal(n.Scalar)
		if err != nil {
			// Scalars come out of JSON and YAML; what JSON has no form for is an Exact, which writes itself.
			text, _ = json.Marshal(fmt.Sprint(n.Scalar))
		}
		return &pb.Node{Kind: &pb.Node_Json{Json: string(text)}}
	}
}
