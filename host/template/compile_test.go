package template

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

func TestCompileReportsEveryProblem(t *testing.T) {
	placeholder := &Node{Kind: KindPlaceholder}
	appending := mode("OutputByApendingExt", map[string]any{"ext": ".txt"})
	subfolders := mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"test": "t.txt", "meta": "m.json"}})
	at := func(origin string, n *Node) *Node { n.Origin = origin; return n }
	typo := byExts(".jpg")
	typo.Set("ext", at("--mixin", Scalar(".png")))
	for _, c := range []struct {
		name string
		in   map[string]*Node
		want []string
	}{
		{"nothing", nil, nil},
		{"placeholders in fields, lists and custom modes", map[string]*Node{
			RoleHardShard: mode("NoHardShard", map[string]any{"input_path": placeholder, "output_path": "out"}),
			RoleInput:     mode("InputByExts", map[string]any{"exts": &Node{Kind: KindList, List: []*Node{Scalar(".a"), placeholder}}}),
			RoleOutput:    {Kind: KindMode, Mode: "Mine", Custom: true, Fields: []Field{{Name: "x", Value: placeholder}}},
			RoleSoftShard: placeholder,
		}, []string{
			"hard_shard_mode.input_path required template value is not set: give it with --mixin hard_shard_mode.input_path=VALUE",
			"soft_shard required template value is not set: give it with --mixin soft_shard=VALUE",
			"input_mode.exts.1 required template value is not set: give it with --mixin input_mode.exts.1=VALUE",
			"output_mode.x required template value is not set: give it with --mixin output_mode.x=VALUE",
		}},
		{"unknown mode, wrong role, unknown field", map[string]*Node{
			RoleHardShard:   mode("NoHardShards", nil),
			RoleInput:       typo,
			RoleOutput:      mode("InputByGlob", nil),
			RoleFinishCheck: Scalar("yes"),
		}, []string{
			"hard_shard_mode must be one of NoHardShard, HardShardModeV1, not NoHardShards: did you mean NoHardShard?",
			"input_mode.ext (--mixin) is not a field of InputByExts: did you mean exts?",
			"output_mode must be one of OutputByApendingExt, OutputByReplacingExt, OutputByFilenameSubfoldering, OutputByTar, not InputByGlob, which is for input_mode",
			`finish_check_mode must be a mode, not "yes": it can be FinishCheckByOutputFileExistence`,
		}},
		{"wrong types", map[string]*Node{
			RoleHardShard: mode("NoHardShard", map[string]any{"input_path": at("cfg.yaml:3", Scalar(json.Number("2024"))), "output_path": true}),
			RoleSoftShard: mode("SoftShard", map[string]any{"shard_idx": []any{num(0), "1"}, "shard_num": true}),
			RoleInput:     mode("InputByExts", map[string]any{"exts": []any{".jpg", json.Number("0.5")}}),
			RoleOutput:    mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": []any{"a"}}),
		}, []string{
			`hard_shard_mode.input_path (cfg.yaml:3) must be a text, not 2024: quote it to make it text: --mixin 'hard_shard_mode.input_path="2024"'`,
			`hard_shard_mode.output_path must be a text, not true: quote it to make it text: --mixin 'hard_shard_mode.output_path="true"'`,
			`soft_shard.shard_idx.1 must be an integer, not "1"`,
			"soft_shard.shard_num must be an integer, not true",
			`input_mode.exts.1 must be a text, not 0.5: quote it to make it text: --mixin 'input_mode.exts.1="0.5"'`,
			`output_mode.file_to_write must be a map of names, not ["a"]: write it as {ID: FILE_NAME}`,
		}},
		{"several extensions in one text", map[string]*Node{
			RoleHardShard: folders("in", "out"),
			RoleInput:     mode("InputByExts", map[string]any{"exts": ".jpg,.png"}),
		}, []string{`input_mode.exts is one text: ".jpg,.png": write several as [.jpg,.png]`}},
		{"a number where extensions should be", map[string]*Node{
			RoleHardShard: folders("in", "out"),
			RoleInput:     mode("InputByExts", map[string]any{"exts": num(7)}),
		}, []string{`input_mode.exts must be a list of texts, not 7`}},
		{"folders that are used", map[string]*Node{
			RoleHardShard: mode("NoHardShard", map[string]any{"input_path": "", "output_path": nil}),
			RoleInput:     byExts(),
			RoleOutput:    appending,
		}, []string{
			"hard_shard_mode.output_path is null, and output_mode needs it: give it with --mixin hard_shard_mode.output_path=VALUE",
			"hard_shard_mode.input_path is empty: write . for the working folder",
		}},
		{"folders of a hard shard that are used", map[string]*Node{
			RoleHardShard: mode("HardShardModeV1", map[string]any{"base_input_path": nil, "base_output_path": "", "input_name": nil, "output_name": "o", "shard_idx": num(0)}),
			RoleInput:     mode("InputByGlob", map[string]any{"glob_pattern": "*"}),
			RoleOutput:    appending,
		}, []string{
			"hard_shard_mode.base_input_path is null, and input_mode needs it: give it with --mixin hard_shard_mode.base_input_path=VALUE",
			"hard_shard_mode.input_name is null, and input_mode needs it: give it with --mixin hard_shard_mode.input_name=VALUE",
		}},
		{"no lines", map[string]*Node{RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": ""})},
			[]string{"input_mode.jsonl_path is empty"}},
		{"missing fields and null", map[string]*Node{
			RoleHardShard: mode("NoHardShard", map[string]any{"input_path": "in"}),
			RoleInput:     mode("InputBySubDirectory", map[string]any{"sub_directory_level": nil}),
		}, []string{
			"hard_shard_mode.output_path is missing: NoHardShard needs it: give it with --mixin hard_shard_mode.output_path=VALUE",
			"input_mode.sub_directory_level is null, where an int must be",
		}},
		{"shards", map[string]*Node{RoleSoftShard: mode("SoftShard", map[string]any{
			"shard_idx": []any{num(4), num(1), num(1), num(-1)}, "shard_num": num(4),
			"subshard": map[string]any{"shard_idx": []any{}, "shard_num": num(2), "sub": nil},
		})}, []string{
			"soft_shard.shard_idx is 4, but shards count from 0 to 3",
			"soft_shard.shard_idx names 1 twice",
			"soft_shard.shard_idx is -1, but shards count from 0 to 3",
			"soft_shard.subshard.sub is not a field of SoftShard: did you mean subshard?",
		}},
		{"no shard", map[string]*Node{RoleSoftShard: mode("SoftShardByHash", map[string]any{"shard_idx": num(0), "shard_num": num(0)})},
			[]string{"soft_shard.shard_num is 0: there must be at least one shard"}},
		{"empty shard", map[string]*Node{RoleSoftShard: softShard("SoftShard", 2)},
			[]string{"soft_shard.shard_idx names no shard, so nothing would be done: give a number or a list of them"}},
		{"mixed shards", map[string]*Node{RoleSoftShard: mode("SoftShardByHash", map[string]any{
			"shard_idx": num(0), "shard_num": num(2), "subshard": softShard("SoftShard", 2, num(0)),
		})}, []string{"soft_shard.subshard is a SoftShard inside a SoftShardByHash: divide both in the same way"}},
		{"check without output", map[string]*Node{RoleHardShard: folders("in", "out"), RoleFinishCheck: checkOutput(nil)},
			[]string{"finish_check_mode looks for outputs, but there is no output_mode: set output_mode, or finish_check_mode to null"}},
		{"suffix of one file", map[string]*Node{RoleHardShard: folders("in", "out"), RoleOutput: appending, RoleFinishCheck: checkOutput("test")},
			[]string{`finish_check_mode.output_field_suffix is "test", but the output is one file: set it to null`}},
		{"suffix of no file", map[string]*Node{RoleHardShard: folders("in", "out"), RoleOutput: subfolders, RoleFinishCheck: checkOutput("tset")},
			[]string{`finish_check_mode.output_field_suffix must be one of meta, test, which are the files of output_mode.file_to_write, not "tset": did you mean test?`}},
		{"output without folders", map[string]*Node{RoleOutput: appending},
			[]string{"hard_shard_mode is missing, and output_mode needs its folders: give NoHardShard with input_path and output_path"}},
		{"inputs without folders", map[string]*Node{RoleInput: byExts()},
			[]string{"hard_shard_mode is missing, and input_mode needs its folders: give NoHardShard with input_path and output_path"}},
		{"depth and names", map[string]*Node{
			RoleHardShard: folders("in", "out"),
			RoleInput:     mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(-1)}),
			RoleOutput:    mode("OutputByReplacingExt", map[string]any{"ext": "/x"}),
		}, []string{
			"input_mode.sub_directory_level is -1: depths count from 0",
			`output_mode.ext is "/x", which has a slash: an extension stays within the file's name`,
		}},
		{"empty file name", map[string]*Node{
			RoleHardShard: folders("in", "out"),
			RoleOutput:    mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"a": ""}}),
		}, []string{"output_mode.file_to_write.a is empty: it must name a file"}},
		{"dataloader", map[string]*Node{RoleDataloader: Scalar(num(3))}, []string{"dataloader must be a map, not 3"}},
		{"batch_by", map[string]*Node{RoleDataloader: Scalar(map[string]any{"batch_by": num(3), "batch_window": "many", "batch_size": "own"})}, []string{
			"dataloader.batch_by is 3; it must be size (the size of the input's file), a field of the items, or none",
			`dataloader.batch_window is "many"; it must be an integer from 1 to 1048576`,
		}},
		{"batch_window", map[string]*Node{RoleDataloader: Scalar(map[string]any{"batch_by": "", "batch_window": num(0)})}, []string{
			`dataloader.batch_by is ""; it must be size (the size of the input's file), a field of the items, or none`,
			"dataloader.batch_window is 0; it must be an integer from 1 to 1048576",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, problems := Compile(root(c.in))
			var got []string
			for _, p := range problems {
				got = append(got, inOneLine(p))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (- want, + got):\n%s", diff)
			}
			if (tmpl == nil) != (len(got) > 0) {
				t.Errorf("template %v with %d problems", tmpl, len(got))
			}
		})
	}
	if _, problems := Compile(&Node{Kind: KindMap, Fields: []Field{{Name: "inputmode", Value: Scalar(nil)}}}); len(problems) != 1 ||
		inOneLine(problems[0]) != "inputmode is not a field of a template: did you mean input_mode?" {
		t.Errorf("unknown top-level field: %v", problems)
	}
	if _, problems := Compile(Scalar("x")); len(problems) != 1 {
		t.Errorf("a text for a template: %v", problems)
	}
}

func TestCompileTakesPlainMaps(t *testing.T) {
	m := func(v map[string]any) *Node { return Scalar(v) }
	tmpl := mustCompile(t, map[string]*Node{
		RoleHardShard:   m(map[string]any{"input_path": "in", "output_path": "out"}),
		RoleSoftShard:   m(map[string]any{"shard_idx": num(1), "shard_num": num(2), "subshard": map[string]any{"shard_idx": num(0), "shard_num": num(3)}}),
		RoleInput:       m(map[string]any{"mode": "InputByGlob", "glob_pattern": "*"}),
		RoleOutput:      m(map[string]any{"file_to_write": map[string]any{"b": "b.txt", "a": "a.txt"}}),
		RoleFinishCheck: m(map[string]any{"output_field_suffix": "b"}),
	})
	if tmpl.InputPath != "in" || tmpl.OutputPath != "out" || tmpl.Shard.Count() != 2 || tmpl.Shard.Sub == nil || tmpl.Input.Glob != "*" {
		t.Errorf("compiled to %+v", tmpl)
	}
	staging, ok := tmpl.Staging()
	if diff := cmp.Diff(Staging{Folder: true, Last: []string{"output_b"}}, staging); !ok || diff != "" {
		t.Errorf("staging %v: %s", ok, diff)
	}
	_, problems := Compile(root(map[string]*Node{RoleHardShard: folders("in", "out"), RoleOutput: m(map[string]any{"ext": ".x"})}))
	if len(problems) != 1 || !strings.Contains(problems[0].Suggestion, "mode: OutputByApendingExt | OutputByReplacingExt") {
		t.Errorf("two modes fit, but: %v", problems)
	}
	_, problems = Compile(root(map[string]*Node{RoleInput: m(map[string]any{"mode": "InputByExt"})}))
	if len(problems) == 0 || !strings.Contains(problems[0].Suggestion, "InputByExts") {
		t.Errorf("misspelt mode: %v", problems)
	}
}

func TestCompileTakesFoldersThatNothingUses(t *testing.T) {
	unused := map[string]*Node{
		"empty": folders("", ""),
		"null":  mode("NoHardShard", map[string]any{"input_path": nil, "output_path": nil}),
		"a hard shard of null": mode("HardShardModeV1", map[string]any{
			"base_input_path": nil, "base_output_path": nil, "input_name": nil, "output_name": nil, "shard_idx": num(0)}),
	}
	inputs := map[string]*Node{
		"no input mode": nil,
		"lines":         mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "items.jsonl"}),
		"triplets":      mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "items.jsonl"}),
		"a whole path":  mode("InputByGlob", map[string]any{"glob_pattern": "/data/*"}),
	}
	for what, hard := range unused {
		for which, input := range inputs {
			if _, problems := Compile(root(map[string]*Node{RoleHardShard: hard, RoleInput: input})); len(problems) > 0 {
				t.Errorf("%s, %s: %v", what, which, problems)
			}
		}
	}
	if tmpl := mustCompile(t, map[string]*Node{RoleHardShard: folders("", ""), RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".x"})}); tmpl.OutputPath != "" {
		t.Errorf("the working folder became %q", tmpl.OutputPath)
	} else if _, ok := tmpl.Staging(); !ok {
		t.Error("outputs in the working folder are not known")
	}
}

func TestCompileTakesExtensionsInAnyForm(t *testing.T) {
	for _, c := range []struct {
		exts any
		want []string
	}{{nil, nil}, {[]any{}, nil}, {".txt", []string{".txt"}}, {"", []string{""}}, {[]any{".a", ".b"}, []string{".a", ".b"}}} {
		tmpl := mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: mode("InputByExts", map[string]any{"exts": c.exts})})
		if diff := cmp.Diff(c.want, tmpl.Input.Exts); diff != "" {
			t.Errorf("%v:\n%s", c.exts, diff)
		}
	}
}

func TestCompileCustomModes(t *testing.T) {
	tmpl := mustCompile(t, map[string]*Node{
		RoleHardShard: folders("in", "out"),
		RoleInput:     {Kind: KindMode, Mode: "Mine", Custom: true, Fields: []Field{{Name: "anything", Value: Scalar("x")}}},
		RoleOutput:    mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	})
	if tmpl.Native() || !cmp.Equal(tmpl.Custom, []string{RoleInput}) {
		t.Errorf("native %v, custom %v", tmpl.Native(), tmpl.Custom)
	}
	if tmpl.OutputPath != "out" {
		t.Errorf("output root %q", tmpl.OutputPath)
	}
}

func TestStaging(t *testing.T) {
	hard, out := folders("in", "out"), mode("OutputByReplacingExt", map[string]any{"ext": ".png"})
	for _, c := range []struct {
		in   map[string]*Node
		want Staging
		ok   bool
	}{
		{map[string]*Node{RoleHardShard: hard}, Staging{}, false},
		{map[string]*Node{RoleHardShard: hard, RoleOutput: out}, Staging{}, true},
		{map[string]*Node{RoleHardShard: hard, RoleOutput: out, RoleFinishCheck: checkOutput(nil)}, Staging{Last: []string{"output"}}, true},
	} {
		got, ok := mustCompile(t, c.in).Staging()
		if ok != c.ok || !cmp.Equal(got, c.want) {
			t.Errorf("%v, %v; want %v, %v", got, ok, c.want, c.ok)
		}
	}
}

// inOneLine writes a problem as these tests have it: path, origin, message and suggestion.
func inOneLine(p problem.Problem) string {
	s := p.Path
	if p.Source != "" {
		s += " (" + p.Source + ")"
	}
	s = strings.TrimSpace(s + " " + p.Message)
	if p.Suggestion != "" {
		s += ": " + p.Suggestion
	}
	return s
}
