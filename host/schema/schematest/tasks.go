// Package schematest has tasks for tests of what is made of a declaration.
package schematest

import (
	"encoding/json"

	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

func num(s string) json.Number { return json.Number(s) }

func placeholder() *template.Node { return &template.Node{Kind: template.KindPlaceholder} }

func mode(name string, fields ...template.Field) *template.Node {
	return &template.Node{Kind: template.KindMode, Mode: name, Fields: fields}
}

func field(name string, v any) template.Field {
	if n, ok := v.(*template.Node); ok {
		return template.Field{Name: name, Value: n}
	}
	return template.Field{Name: name, Value: template.Scalar(v)}
}

func top(fields ...template.Field) *template.Node {
	return &template.Node{Kind: template.KindMap, Fields: fields}
}

// Resize is a task of the common kind.
func Resize() *schema.Task {
	return &schema.Task{
		Name:    "Resize",
		Summary: "Make pictures smaller",
		Description: "Reads JPEG, PNG, GIF, WebP, TIFF and BMP and writes what the extension of the output says. Pictures are turned upright by their EXIF orientation.\n\n" +
			"    a line that is kept as it is\n\nThe last paragraph.",
		Arguments: []schema.Argument{
			{Name: "size", Flags: []string{"--size", "-s"}, Type: schema.Int, Required: true, Help: "Longest side of the result, in pixels."},
			{Name: "quality", Flags: []string{"--quality"}, Type: schema.Int, Default: num("90"), HasDefault: true, Help: "JPEG quality from 1 to 100."},
			{Name: "enlarge", Flags: []string{"--enlarge"}, Type: schema.Bool, Arity: "0", Default: false, HasDefault: true, Negatable: true,
				Help: "Make pictures that are smaller larger as well."},
			{Name: "background", Flags: []string{"--background", "-b"}, Type: schema.String, Default: "white", HasDefault: true,
				Choices: []any{"white", "black", "none"}, Help: "What shows through transparent pixels where the output cannot have any."},
			{Name: "ratio", Flags: []string{"--ratio"}, Type: schema.Float, Default: num("1.5"), HasDefault: true},
			{Name: "tags", Flags: []string{"--tags"}, Type: schema.String, Arity: "+", Repeatable: true, Help: "Words to write into the file."},
			{Name: "crop", Flags: []string{"--crop"}, Type: schema.Int, Arity: "4", Help: "Left, top, right, bottom."},
			{Name: "meta", Flags: []string{"--meta"}, Type: schema.JSON, Default: map[string]any{"a": []any{num("1")}}, HasDefault: true, Help: "Anything."},
			{Name: "wait", Flags: []string{"--wait"}, Type: schema.Duration, Help: "How long to wait for a slow disk."},
			{Name: "profile", Type: schema.Path, Arity: "?", Default: nil, HasDefault: true, Help: "A colour profile."},
		},
		Template: top(
			field("hard_shard_mode", mode("NoHardShard", field("input_path", placeholder()), field("output_path", placeholder()))),
			field("soft_shard", mode("SoftShard", field("shard_idx", num("0")), field("shard_num", num("1")), field("subshard", nil))),
			field("input_mode", mode("InputByExts", field("exts", []any{".jpg", ".png"}))),
			field("output_mode", mode("OutputByReplacingExt", field("ext", ".jpg"))),
			field("finish_check_mode", nil),
		),
	}
}

// Upscale is a task that leaves much open.
func Upscale() *schema.Task {
	return &schema.Task{
		Name: "Upscale", Kind: schema.Device, Summary: "Double the size of pictures", OpenArguments: true,
		Usage: "usage: upscale [--model M]\n  --model M  which one",
		Arguments: []schema.Argument{
			{Name: "kind", Flags: []string{"--kind"}, Type: schema.String, Required: true, Choices: []any{"fast", "best"}},
		},
		Template: top(
			field("hard_shard_mode", &template.Node{Kind: template.KindMode, Mode: "MyShard", Custom: true, Fields: []template.Field{
				{Name: "base", Value: placeholder(), Help: "The folder above all.", TypeName: "str"},
				{Name: "pair", Value: &template.Node{Kind: template.KindList, List: []*template.Node{template.Scalar("a"), placeholder()}}},
			}}),
			field("input_mode", placeholder()),
			field("output_mode", mode("OutputByFilenameSubfoldering", field("file_to_write", &template.Node{Kind: template.KindMap,
				Fields: []template.Field{field("image", "image.png"), field("mask", placeholder())}}))),
			field("dataloader", map[string]any{"batch_size": num("8"), "num_workers": num("2")}),
		),
	}
}

// Backbone are the flags of a backbone.
func Backbone() []schema.Argument {
	return []schema.Argument{
		{Name: "num_process", Flags: []string{"--num_process"}, Type: schema.Int, Help: "How many workers there are. The default is the number of CPUs."},
		{Name: "chunksize", Flags: []string{"--chunksize"}, Type: schema.Custom, TypeName: "auto or int", Default: "auto", HasDefault: true,
			Help: "How many items are sent to a worker at once."},
	}
}

// Plugin has both tasks and one that is made by a function.
func Plugin() *schema.Plugin {
	return &schema.Plugin{Name: "resize", Version: "0.1.0", SDK: "go/0.2.0", Capabilities: []string{"heartbeat", "staging"},
		Tasks: []schema.Task{*Resize(), *Upscale(), {Name: "Make", Kind: schema.Factory, Summary: "Whatever the mixin says"}}}
}
