package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// DescribeText writes a plugin's tasks with their summaries. width 0 is 80 columns.
func DescribeText(w io.Writer, plugin *Plugin, width int) error {
	p := page{terminal.NewPage(width, false)}
	title := plugin.Name
	if plugin.Version != "" {
		title += " " + plugin.Version
	}
	if plugin.SDK != "" {
		title += " (" + plugin.SDK + ")"
	}
	p.Line(title)
	if len(plugin.Tasks) == 0 {
		p.Line("It has no tasks.")
	} else {
		p.Title("Tasks:")
	}
	for i := range plugin.Tasks {
		t := &plugin.Tasks[i]
		text := t.Summary
		if t.Kind != Normal {
			text += fmt.Sprintf(" (%s)", t.Kind)
		}
		if n := len(toFill(t.Template)); n > 0 {
			text += fmt.Sprintf(" (%d to fill)", n)
		}
		p.Row("  "+t.Name, text, "")
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type jsonPlugin struct {
	Name         string     `json:"name"`
	Version      string     `json:"version"`
	SDK          string     `json:"sdk"`
	Capabilities []string   `json:"capabilities"`
	Tasks        []jsonTask `json:"tasks"`
}

type jsonTask struct {
	Name          string         `json:"name"`
	Kind          string         `json:"kind"`
	Summary       string         `json:"summary"`
	Description   string         `json:"description,omitempty"`
	Usage         string         `json:"usage,omitempty"`
	Arguments     []Argument     `json:"arguments"`
	OpenArguments bool           `json:"open_arguments"`
	Template      []jsonField    `json:"template"`
	ToFill        []string       `json:"to_fill"`
	Capabilities  []string       `json:"capabilities"`
	ConfigSchema  map[string]any `json:"config_schema"`
}

type jsonField struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Help string `json:"help,omitempty"`
	jsonNode
}

// jsonNode has one of its fields set, or Mode, Custom and Fields.
type jsonNode struct {
	Placeholder bool        `json:"placeholder,omitempty"`
	Mode        string      `json:"mode,omitempty"`
	Custom      bool        `json:"custom,omitempty"`
	Fields      []jsonField `json:"fields,omitempty"`
	List        []jsonNode  `json:"list,omitempty"`
	Value       any         `json:"value,omitempty"`
}

// DescribeJSON writes a plugin as indented JSON: its tasks with arguments, template and capabilities, and a JSON Schema of each
// task's --cfg file as config_schema. If name is not empty, it writes only that task; a plugin without it is an error.
func DescribeJSON(w io.Writer, plugin *Plugin, name string, backbone []Argument) error {
	out := jsonPlugin{Name: plugin.Name, Version: plugin.Version, SDK: plugin.SDK, Capabilities: some(plugin.Capabilities), Tasks: []jsonTask{}}
	for i := range plugin.Tasks {
		t := &plugin.Tasks[i]
		if name != "" && t.Name != name {
			continue
		}
		task := jsonTask{Name: t.Name, Kind: t.Kind.String(), Summary: t.Summary, Description: t.Description, Usage: t.Usage,
			Arguments: []Argument{}, OpenArguments: t.OpenArguments, ToFill: some(t.Template.Placeholders()),
			Capabilities: some(t.Capabilities), ConfigSchema: JSONSchema(t, backbone)}
		for _, a := range t.Arguments {
			a.Flags = some(a.Flags)
			task.Arguments = append(task.Arguments, a)
		}
		if t.Template != nil {
			task.Template = []jsonField{}
			for _, f := range t.Template.Fields {
				task.Template = append(task.Template, describeField(topField(f), f.Value))
			}
		}
		out.Tasks = append(out.Tasks, task)
	}
	if name != "" && len(out.Tasks) == 0 {
		return fmt.Errorf("%s has no task %s", plugin.Name, name)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the description of %s: %w", plugin.Name, err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// some returns a list that is never null in JSON.
func some(list []string) []string { return append([]string{}, list...) }

func describeField(info fieldInfo, value *template.Node) jsonField {
	return jsonField{Name: info.Name, Type: info.Type, Help: info.Help, jsonNode: describeNode(value)}
}

func describeNode(n *template.Node) jsonNode {
	if n == nil {
		return jsonNode{Value: json.RawMessage("null")}
	}
	switch n.Kind {
	case template.KindPlaceholder:
		return jsonNode{Placeholder: true}
	case template.KindMode, template.KindMap:
		out := jsonNode{Mode: n.Mode, Custom: n.Custom}
		for _, f := range n.Fields {
			out.Fields = append(out.Fields, describeField(fieldOf(n, f), f.Value))
		}
		return out
	case template.KindList:
		out := jsonNode{List: []jsonNode{}}
		for _, item := range n.List {
			out.List = append(out.List, describeNode(item))
		}
		return out
	}
	// omitempty leaves out null, 0, false and "", but not their raw JSON.
	return jsonNode{Value: json.RawMessage(compactJSON(n.Scalar))}
}

// UnmarshalJSON reads a Plugin that encoding/json wrote. Numbers stay json.Number, so that none loses digits in a cache.
func (p *Plugin) UnmarshalJSON(data []byte) error {
	type plain Plugin
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var read plain
	if err := d.Decode(&read); err != nil {
		return err
	}
	*p = Plugin(read)
	return nil
}
