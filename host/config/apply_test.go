package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
)

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

// tmpl is a template with all that a mixin can meet.
func tmpl() *template.Node {
	custom := mode("MyInput", field("folder", placeholder()), field("inner", mode("Inner", field("x", json.Number("1")))))
	custom.Custom, custom.Fields[1].Value.Custom = true, true
	return &template.Node{Kind: template.KindMap, Fields: []template.Field{
		field("hard_shard_mode", mode("NoHardShard", field("input_path", placeholder()), field("output_path", "out"))),
		field("soft_shard", mode("SoftShard", field("shard_idx", json.Number("0")), field("shard_num", json.Number("1")), field("subshard", nil))),
		field("input_mode", custom),
		field("output_mode", mode("OutputByFilenameSubfoldering",
			field("file_to_write", &template.Node{Kind: template.KindMap, Fields: []template.Field{field("a", "a.txt"), field("b", placeholder())}}))),
		field("finish_check_mode", nil),
		field("list", &template.Node{Kind: template.KindList, List: []*template.Node{template.Scalar("x"), placeholder()}}),
		field("dataloader", map[string]any{"batch_size": json.Number("8"), "z": []any{"p", "q"}}),
	}}
}

// show writes a node in one line.
func show(n *template.Node) string {
	if n == nil {
		return "nil"
	}
	switch n.Kind {
	case template.KindPlaceholder:
		return "<>"
	case template.KindList:
		var items []string
		for _, item := range n.List {
			items = append(items, show(item))
		}
		return "[" + strings.Join(items, " ") + "]"
	case template.KindMode, template.KindMap:
		var items []string
		for _, f := range n.Fields {
			items = append(items, f.Name+":"+show(f.Value))
		}
		return n.Mode + "{" + strings.Join(items, " ") + "}"
	}
	text, _ := json.Marshal(n.Scalar)
	return string(text)
}

func lines(problems []problem.Problem) []string {
	var all []string
	for _, p := range problems {
		line := p.String()
		if p.Suggestion != "" {
			line += " (" + p.Suggestion + ")"
		}
		if p.Warning {
			line = "warning: " + line
		}
		all = append(all, line)
	}
	return all
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name   string
		mixins []string
		field  string
		want   string
		wrong  []string
	}{
		{"field", []string{"hard_shard_mode.input_path=in"}, "hard_shard_mode", `NoHardShard{input_path:"in" output_path:"out"}`, nil},
		{"field of two", []string{"hard_shard_mode={input_path: 1, output_path: null}"}, "hard_shard_mode", `NoHardShard{input_path:"1" output_path:null}`, nil},
		{"unknown field", []string{"hard_shard_mode.inptu_path=in"}, "hard_shard_mode", `NoHardShard{input_path:<> output_path:"out"}`,
			[]string{"--mixin hard_shard_mode.inptu_path=in: NoHardShard has no field inptu_path (did you mean input_path?)"}},
		{"unknown top", []string{"hard_shard.input_path=in"}, "hard_shard_mode", `NoHardShard{input_path:<> output_path:"out"}`,
			[]string{"--mixin hard_shard.input_path=in: no such field (did you mean hard_shard_mode.input_path?)"}},
		{"leaf", []string{"input_path=x"}, "hard_shard_mode", `NoHardShard{input_path:<> output_path:"out"}`,
			[]string{"--mixin input_path=x: no such field (did you mean hard_shard_mode.input_path?)"}},
		{"leaf with a typo", []string{"output_pth=x"}, "hard_shard_mode", `NoHardShard{input_path:<> output_path:"out"}`,
			[]string{"--mixin output_pth=x: no such field (did you mean hard_shard_mode.output_path?)"}},
		{"leaf of a mode that is not there", []string{"redo=newer"}, "finish_check_mode", `null`,
			[]string{"--mixin redo=newer: no such field (did you mean finish_check_mode.redo?)"}},
		{"leaf of several", []string{"mixin.x=1", "a=1"}, "list", `["x" <>]`, []string{
			"--mixin mixin.x=1: no such field (did you mean input_mode.inner.x?)",
			"--mixin a=1: no such field (did you mean output_mode.file_to_write.a?)"}},
		{"leaf in another mode", []string{"hard_shard_mode.shard_num=2"}, "list", `["x" <>]`,
			[]string{"--mixin hard_shard_mode.shard_num=2: NoHardShard has no field shard_num (did you mean soft_shard.shard_num?)"}},
		{"other mode", []string{"hard_shard_mode={mode: HardShardModeV1, shard_idx: '007', base_input_path: /a}"}, "hard_shard_mode",
			`HardShardModeV1{base_input_path:"/a" base_output_path:<> input_name:<> output_name:<> shard_idx:"007"}`, nil},
		{"other mode, one by one", []string{"soft_shard.mode=SoftShardByHash", "soft_shard.shard_num=4"}, "soft_shard",
			`SoftShardByHash{shard_idx:<> shard_num:4 subshard:null}`, nil},
		{"other mode by its name, then its fields", []string{"soft_shard=SoftShardByHash", "soft_shard.shard_num=4"}, "soft_shard",
			`SoftShardByHash{shard_idx:<> shard_num:4 subshard:null}`, nil},
		{"same mode named", []string{"soft_shard.mode=SoftShard", "soft_shard.shard_num=4"}, "soft_shard",
			`SoftShard{shard_idx:0 shard_num:4 subshard:null}`, nil},
		{"same mode by name", []string{"soft_shard=SoftShard"}, "soft_shard", `SoftShard{shard_idx:0 shard_num:1 subshard:null}`, nil},
		{"mode by name", []string{"finish_check_mode=FinishCheckByOutputFileExistence"}, "finish_check_mode",
			`FinishCheckByOutputFileExistence{output_field_suffix:null redo:null}`, nil},
		{"mode by wrong name", []string{"finish_check_mode=FinishCheckByOutputFileExistense"}, "finish_check_mode", `null`,
			[]string{"--mixin finish_check_mode=FinishCheckByOutputFileExistense: must be FinishCheckByOutputFileExistence, not FinishCheckByOutputFileExistense (did you mean FinishCheckByOutputFileExistence?)"}},
		{"mode of another role", []string{"finish_check_mode=SoftShard"}, "finish_check_mode", `null`,
			[]string{"--mixin finish_check_mode=SoftShard: must be FinishCheckByOutputFileExistence, not SoftShard, which is for soft_shard"}},
		{"mode by number", []string{"finish_check_mode=3"}, "finish_check_mode", `null`,
			[]string{"--mixin finish_check_mode=3: must be a mode, not a number (null, or the name of a mode: FinishCheckByOutputFileExistence)"}},
		{"mode named by list", []string{"finish_check_mode.mode=[a]"}, "finish_check_mode", `null`,
			[]string{"--mixin 'finish_check_mode.mode=[a]': a mode's name must be a text, not a list (one of FinishCheckByOutputFileExistence)"}},
		{"fields without mode", []string{"finish_check_mode.output_field_suffix=a"}, "finish_check_mode", `null`,
			[]string{"--mixin finish_check_mode.output_field_suffix=a: finish_check_mode: these fields have no mode here yet " +
				"(add finish_check_mode.mode=NAME, where NAME is one of FinishCheckByOutputFileExistence)"}},
		{"sub-shard", []string{"soft_shard.subshard={mode: SoftShard, shard_idx: [0, 1], shard_num: 2}"}, "soft_shard",
			`SoftShard{shard_idx:0 shard_num:1 subshard:SoftShard{shard_idx:[0 1] shard_num:2 subshard:null}}`, nil},
		{"switched off", []string{"soft_shard=null"}, "soft_shard", `null`, nil},
		{"switched off by nothing", []string{"input_mode="}, "input_mode", `null`, nil},
		{"not to be switched off", []string{"hard_shard_mode=null"}, "hard_shard_mode", `NoHardShard{input_path:<> output_path:"out"}`,
			[]string{"--mixin hard_shard_mode=null: it cannot be switched off: a template needs it"}},
		{"custom field", []string{"input_mode.folder=a", "input_mode.new={b: [1, 1.5]}"}, "input_mode",
			`MyInput{folder:"a" inner:Inner{x:1} new:{b:[1 1.5]}}`, nil},
		{"mode in custom mode", []string{"input_mode.inner.x=2", "input_mode.inner.y=3"}, "input_mode", `MyInput{folder:<> inner:Inner{x:2 y:3}}`, nil},
		{"mode in custom mode to another", []string{"input_mode.inner.mode=SoftShard"}, "input_mode", `MyInput{folder:<> inner:Inner{x:1}}`,
			[]string{"--mixin input_mode.inner.mode=SoftShard: input_mode.inner: Inner cannot become another mode here"}},
		{"custom mode to built-in", []string{"input_mode={mode: InputByGlob, glob_pattern: '*.jpg'}"}, "input_mode", `InputByGlob{glob_pattern:"*.jpg" recursive:false}`, nil},
		{"map key", []string{"output_mode.file_to_write.b=b.txt", "output_mode.file_to_write.c=c.txt"}, "output_mode",
			`OutputByFilenameSubfoldering{file_to_write:{a:"a.txt" b:"b.txt" c:"c.txt"}}`, nil},
		{"element", []string{"list.1=y"}, "list", `["x" "y"]`, nil},
		{"element in brackets", []string{"list[-2]=y"}, "list", `["y" <>]`, nil},
		{"no such element", []string{"list.2=y"}, "list", `["x" <>]`,
			[]string{"--mixin list.2=y: 2 is not an element of a list of 2 (elements count from 0; to make the list longer, give all of it: [a, b, c])"}},
		{"list", []string{"list=[a]"}, "list", `["a"]`, nil},
		{"list by map", []string{"list={0: a}"}, "list", `{0:"a"}`, nil},
		{"plain map", []string{"dataloader.num_workers=2", "dataloader.z.1=r"}, "dataloader", `{batch_size:8 z:["p" "r"] num_workers:2}`, nil},
		{"left to fill", []string{"hard_shard_mode.output_path=???", "input_mode=???", "list=[a, '???']"}, "hard_shard_mode",
			`NoHardShard{input_path:<> output_path:"out"}`, nil},
		{"left to fill in a list", []string{"list=[a, '???']"}, "list", `["a" <>]`, nil},
		{"infinite", []string{"dataloader.a=.inf"}, "dataloader", `{batch_size:8 z:["p","q"] a:null}`,
			[]string{"--mixin dataloader.a=.inf: inf has no place in a template: it takes finite numbers"}},
	} {
		cfg, problems := Load(Sources{Mixins: c.mixins})
		if len(problems) > 0 {
			t.Fatalf("%s: %v", c.name, problems)
		}
		before := show(tmpl())
		task := tmpl()
		got, problems := Apply(task, cfg.Mixin, false)
		if diff := cmp.Diff(c.want, show(got.Get(c.field))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.wrong, lines(problems)); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", c.name, diff)
		}
		if show(task) != before {
			t.Errorf("%s: the task's own template changed to %s", c.name, show(task))
		}
	}
}

// TestLeavesOfOneName: all are named.
func TestLeavesOfOneName(t *testing.T) {
	two := &template.Node{Kind: template.KindMap, Fields: []template.Field{
		field("hard_shard_mode", mode("HardShardModeV1", field("shard_idx", "0"))), field("soft_shard", mode("SoftShard", field("shard_num", json.Number("2")))),
	}}
	path := writeFile(t, "cfg.yaml", "mixin: {shard_idx: 3}\n")
	for _, s := range []Sources{{Mixins: []string{"shard_idx=3"}}, {CfgPath: path}} {
		cfg, _ := Load(s)
		_, problems := Apply(two, cfg.Mixin, false)
		if want := "did you mean hard_shard_mode.shard_idx or soft_shard.shard_idx?"; len(problems) != 1 || problems[0].Suggestion != want {
			t.Errorf("%v: %v", s, lines(problems))
		}
	}
}

func TestApplySetsOrigins(t *testing.T) {
	path := writeFile(t, "cfg.yaml", "mixin:\n  hard_shard_mode:\n    output_path: o\n  soft_shard: {mode: SoftShardByHash}\n")
	cfg, problems := Load(Sources{CfgPath: path, Mixins: []string{"hard_shard_mode.input_path=in", "list=[a]"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, _ := Apply(tmpl(), cfg.Mixin, false)
	for where, want := range map[string]string{
		"hard_shard_mode.input_path":  "--mixin hard_shard_mode.input_path=in",
		"hard_shard_mode.output_path": path + ":3:18",
		"hard_shard_mode":             "",
		"soft_shard":                  path + ":4:22",
		"list.0":                      "--mixin 'list=[a]'",
	} {
		n := got
		for name := range strings.SplitSeq(where, ".") {
			if n.Kind == template.KindList {
				n = n.List[0]
			} else {
				n = n.Get(name)
			}
		}
		if n.Origin != want {
			t.Errorf("%s comes from %q, want %q", where, n.Origin, want)
		}
	}
}

// TestApplyWarnsOfFiles: a file is shared between tasks, so what a task does not have is only worth a warning there.
func TestApplyWarnsOfFiles(t *testing.T) {
	path := writeFile(t, "cfg.yaml", "mixin:\n  other_mode: {a: 1}\n  hard_shard_mode: {ouput_path: x}\n"+
		"  output_mode: {mode: OutputByApendingExt, ext: .txt}\n")
	cfg, problems := Load(Sources{CfgPath: path, Mixins: []string{"output_mode.mode=OutputByFilenameSubfoldering"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	_, problems = Apply(tmpl(), cfg.Mixin, false)
	want := []string{
		"warning: " + path + ":2:15: other_mode: no such field (its fields: hard_shard_mode, soft_shard, input_mode, output_mode, finish_check_mode, list, dataloader)",
		path + ":3:33: hard_shard_mode.ouput_path: NoHardShard has no field ouput_path (did you mean output_path?)",
		"warning: " + path + ":4:49: output_mode.ext: OutputByFilenameSubfoldering has no field ext (its fields: file_to_write)",
	}
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, problems = Apply(nil, cfg.Mixin, false)
	if len(problems) != 3 || problem.Any(problems[:2]) || !problems[0].Warning {
		t.Errorf("without a template: %v", lines(problems))
	}
}

func TestApplyAddsFieldsThatTheTemplateLeftOut(t *testing.T) {
	small := &template.Node{Kind: template.KindMap, Fields: []template.Field{field("hard_shard_mode", placeholder())}}
	cfg, _ := Load(Sources{Mixins: []string{"hard_shard_mode={mode: NoHardShard, input_path: a, output_path: b}",
		"output_mode={mode: OutputByReplacingExt, ext: .png}", "dataloader.batch_size=3"}})
	got, problems := Apply(small, cfg.Mixin, false)
	if want := `{hard_shard_mode:NoHardShard{input_path:"a" output_path:"b"} output_mode:OutputByReplacingExt{ext:".png"}}`; show(got) != want {
		t.Errorf("got %s", show(got))
	}
	if len(problems) != 1 || problems[0].Path != "dataloader.batch_size" {
		t.Errorf("a dataloader without a device task: %v", problems)
	}
}

// TestTextIsWhatWasTyped: a field that takes text alone gets it as it stands, from --mixin comments and blanks included.
func TestTextIsWhatWasTyped(t *testing.T) {
	t.Setenv("X", "x 1")
	for typed, want := range map[string]string{
		"photos #2": "photos #2", "trailing ": "trailing ", "0123": "0123", "no": "no", "1.10": "1.10", "12:30": "12:30",
		"[2020] Summer": "[2020] Summer", "a: b": "a: b", "@x": "@x", "it's": "it's", "# x": "# x", "true": "true",
		"'0123'": "0123", `"a #b"`: "a #b", "!!str 5": "5", "'open": "'open", "${oc.env:X} #1": "x 1 #1",
	} {
		cfg, problems := Load(Sources{Mixins: []string{"hard_shard_mode.input_path=" + typed}, Template: tmpl()})
		got, more := Apply(tmpl(), cfg.Mixin, false)
		if len(problems)+len(more) > 0 {
			t.Errorf("%s: %v %v", typed, problems, more)
			continue
		}
		if is := got.Get("hard_shard_mode").Get("input_path").Scalar; is != want {
			t.Errorf("%q: %q, want %q", typed, is, want)
		}
	}
	for mixin, want := range map[string]string{
		"hard_shard_mode.output_path=":                                             `NoHardShard{input_path:<> output_path:null}`,
		"hard_shard_mode.output_path=null":                                         `NoHardShard{input_path:<> output_path:null}`,
		"hard_shard_mode={mode: HardShardModeV1, shard_idx: 007, input_name: 007}": `HardShardModeV1{base_input_path:<> base_output_path:<> input_name:"007" output_name:<> shard_idx:7}`,
		"input_mode={mode: InputByExts, exts: [.a, 1.10]}":                         `InputByExts{exts:[".a" "1.10"] recursive:true ignore:null min_size:null max_size:null newer_than:null}`,
		"input_mode.folder=0123":                                                   `MyInput{folder:83 inner:Inner{x:1}}`,
		"output_mode.file_to_write.b=0123":                                         `OutputByFilenameSubfoldering{file_to_write:{a:"a.txt" b:"0123"}}`,
		"soft_shard.shard_num=010":                                                 `SoftShard{shard_idx:0 shard_num:8 subshard:null}`,
	} {
		cfg, problems := Load(Sources{Mixins: []string{mixin}, Template: tmpl()})
		got, more := Apply(tmpl(), cfg.Mixin, false)
		name, _, _ := strings.Cut(mixin, "=")
		name, _, _ = strings.Cut(name, ".")
		if is := show(got.Get(name)); is != want || len(problems)+len(more) > 0 {
			t.Errorf("%s: %s, want %s (%v %v)", mixin, is, want, problems, more)
		}
	}
	file := writeFile(t, "cfg.yaml", "hard_shard_mode:\n  input_path: 0123 # a comment\n  output_path: no\n")
	cfg, problems := Load(Sources{MixinCfgPath: file, Template: tmpl()})
	got, more := Apply(tmpl(), cfg.Mixin, false)
	if is, want := show(got.Get("hard_shard_mode")), `NoHardShard{input_path:"0123" output_path:"no"}`; is != want || len(problems)+len(more) > 0 {
		t.Errorf("a file: %s, want %s (%v %v)", is, want, problems, more)
	}
}

// TestFieldsLeftOutHaveDefaults: those of the contract.
func TestFieldsLeftOutHaveDefaults(t *testing.T) {
	task := &template.Node{Kind: template.KindMap, Fields: []template.Field{
		field("hard_shard_mode", mode("NoHardShard", field("input_path", "in"), field("output_path", "out"))),
		field("finish_check_mode", mode("FinishCheckByOutputFileExistence")),
	}}
	cfg, _ := Load(Sources{Mixins: []string{"soft_shard.shard_num=8", "soft_shard.subshard={mode: SoftShard, shard_idx: 0, shard_num: 2}",
		"finish_check_mode.output_field_suffix=a"}, Template: task})
	got, problems := Apply(task, cfg.Mixin, false)
	want := "SoftShard{shard_idx:0 shard_num:8 subshard:SoftShard{shard_idx:0 shard_num:2 subshard:null}}"
	if is := show(got.Get("soft_shard")); is != want || len(problems) > 0 {
		t.Errorf("%s, want %s (%v)", is, want, problems)
	}
	if is := show(got.Get("finish_check_mode")); is != `FinishCheckByOutputFileExistence{output_field_suffix:"a"}` {
		t.Error(is)
	}
}

func TestFields(t *testing.T) {
	is := Fields(tmpl())
	for word, want := range map[string]bool{
		"soft_shard": true, "soft_shard.subshard": true, "hard_shard_mode.input_path": true, "finish_check_mode": true, "dataloader": true,
		"list.1": true, "list[0]": true, "output_mode.file_to_write.a": true, "input_mode.inner.x": true, "dataloader.batch_size": true,
		"soft": false, "soft_shard.": false, "Touch": false, "touch.py": false, "list.7": false, "hard_shard_mode.input": false, "": false,
	} {
		if is(word) != want {
			t.Errorf("%q: %v", word, !want)
		}
	}
	if Fields(nil)("soft_shard") {
		t.Error("a task without a template has a field")
	}
}

func TestMixinJSON(t *testing.T) {
	cfg, _ := Load(Sources{Mixins: []string{"b.x=1", "a=[1.5, null, yes, 'ü', {q: 1e400}]"}})
	if text, err := cfg.MixinJSON(false); err == nil {
		t.Errorf("infinity became %s", text)
	}
	cfg, _ = Load(Sources{Mixins: []string{"b.x=1", "a=[1.5, null, yes, 'ü']"}})
	text, err := cfg.MixinJSON(false)
	if want := `{"b": {"x": 1}, "a": [1.5, null, true, "\u00fc"]}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
	if fmt.Sprint(cfg.Task.Entries, cfg.Backbone.Entries) != "[] []" {
		t.Error("sections came from nowhere")
	}
}

// Values without a form in JSON reach a plugin that takes them, in its own modes and in the whole mixin.
func TestExactValues(t *testing.T) {
	path := writeFile(t, "cfg.yaml", `mixin:
  input_mode:
    own: {1: a, 1.5: b, true: c, '2': d, deep: {2: .nan}}
    more: [.inf, -.inf, !!binary aGVsbG8=]
  soft_shard: {shard_num: .inf}
`)
	cfg, problems := Load(Sources{CfgPath: path})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	text, err := cfg.MixinJSON(true)
	if want := `{"input_mode": {"own": {"$exact": ["map", [[1, "a"], [1.5, "b"], [true, "c"], ["2", "d"], ["deep", {"$exact": ["map", [[2, {"$exact":["float","nan"]}]]]}]]]}, ` +
		`"more": [{"$exact":["float","inf"]}, {"$exact":["float","-inf"]}, {"$exact":["bytes","aGVsbG8="]}]}, "soft_shard": {"shard_num": {"$exact":["float","inf"]}}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := cfg.MixinJSON(false); err == nil {
		t.Error("a plugin that takes JSON alone got it")
	}
	own := &template.Node{Kind: template.KindMode, Mode: "Own", Custom: true, Fields: []template.Field{
		{Name: "own", Value: &template.Node{Kind: template.KindMap, Fields: []template.Field{{Name: "1", KeyJSON: "1", Value: template.Scalar("old")}}}},
	}}
	root := func() *template.Node {
		return &template.Node{Kind: template.KindMap, Fields: []template.Field{
			field("input_mode", own.Clone()), field("hard_shard_mode", mode("NoHardShard", field("input_path", placeholder()), field("output_path", placeholder()))),
		}}
	}
	got, problems := Apply(root(), cfg.Mixin, true)
	if len(problems) != 1 || problems[0].Path != "soft_shard.shard_num" {
		t.Errorf("%v", lines(problems))
	}
	keys := map[string]string{}
	for _, f := range got.Get("input_mode").Get("own").Fields {
		keys[f.Name+"/"+f.KeyJSON] = show(f.Value)
	}
	if diff := cmp.Diff(map[string]string{
		"1/1": `"a"`, "1.5/1.5": `"b"`, "True/true": `"c"`, "2/": `"d"`, "deep/": `{2:{"$exact":["float","nan"]}}`,
	}, keys); diff != "" {
		t.Error(diff)
	}
	if _, problems := Apply(root(), cfg.Mixin, false); len(problems) != 5 {
		t.Errorf("a plugin that takes JSON alone: %v", lines(problems))
	}
	cfg, _ = Load(Sources{Mixins: []string{`a={"$exact": 1}`}})
	if text, err := cfg.MixinJSON(true); string(text) != `{"a": {"$exact": ["map", [["$exact", 1]]]}}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestWhatCouldNotBeResolvedIsToldOnce(t *testing.T) {
	cfg, known := Load(Sources{Mixins: []string{"hard_shard_mode.input_path=${photos}", "finish_check_mode.mode=${mode}", "soft_shard=${shard}"}})
	got, problems := Apply(tmpl(), cfg.Mixin, false)
	if len(known) != 3 || len(problems) != 0 {
		t.Errorf("loading: %v, applying: %v", lines(known), lines(problems))
	}
	input := got.Get("hard_shard_mode").Get("input_path")
	if input.Kind != template.KindPlaceholder {
		t.Fatalf("the path became %s", show(input))
	}
	if left := problem.Fresh(known, []problem.Problem{{Source: input.Origin, Message: "still to fill"}}); len(left) != 0 {
		t.Errorf("told again: %v", left)
	}
}
