package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ordered makes a map node whose entries keep their order.
func ordered(pairs ...any) *Node {
	n := &Node{Kind: KindMap}
	for i := 0; i < len(pairs); i += 2 {
		n.Set(pairs[i].(string), Scalar(pairs[i+1]))
	}
	return n
}

func merged(modes ...*Node) *Node {
	return mode("InputByMerge", map[string]any{"modes": &Node{Kind: KindList, List: modes}})
}

func TestCompileGroups(t *testing.T) {
	input := func(n *Node) *Input {
		t.Helper()
		return mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: n}).Input
	}
	files := ordered("image", []any{".jpg", ".PNG"}, "caption", ".txt", "mask", "_mask.png")
	for _, c := range []struct {
		name string
		in   *Node
		want *Input
	}{
		{"all are required", mode("InputByGroup", map[string]any{"files": files}), &Input{
			Kind: ByGroup, Exts: []string{".jpg", ".png", ".txt", "_mask.png"},
			Members: []Member{
				{ID: "image", Exts: []string{".jpg", ".png"}, Required: true},
				{ID: "caption", Exts: []string{".txt"}, Required: true},
				{ID: "mask", Exts: []string{"_mask.png"}, Required: true},
			},
		}},
		{"the input is the first that is required", mode("InputByGroup", map[string]any{"files": files, "required": []any{"mask", "caption"}}), &Input{
			Kind: ByGroup, Exts: []string{".jpg", ".png", ".txt", "_mask.png"}, First: 1,
			Members: []Member{
				{ID: "image", Exts: []string{".jpg", ".png"}},
				{ID: "caption", Exts: []string{".txt"}, Required: true},
				{ID: "mask", Exts: []string{"_mask.png"}, Required: true},
			},
		}},
		{"folders", mode("InputByFilenameSubfoldering", map[string]any{"file_to_read": ordered("text", "t.txt", "deep", "a/b.bin"), "required": []any{"text"}}), &Input{
			Kind: ByFolder, First: -1,
			Members: []Member{{ID: "text", Name: "t.txt", Required: true}, {ID: "deep", Name: "a/b.bin"}},
		}},
		{"a merge in a merge", merged(byExts(".a"), merged(byExts(".b"), mode("InputByGlob", map[string]any{"glob_pattern": "*"}))), &Input{
			Kind:  Merged,
			Modes: []*Input{{Kind: ByExts, Exts: []string{".a"}}, {Kind: ByExts, Exts: []string{".b"}}, {Kind: ByGlob, Glob: "*"}},
		}},
		{"modes by their fields", mode("InputByMerge", map[string]any{"modes": []any{
			map[string]any{"exts": ".a"}, map[string]any{"mode": "InputByGlob", "glob_pattern": "*"},
		}}), &Input{Kind: Merged, Modes: []*Input{{Kind: ByExts, Exts: []string{".a"}}, {Kind: ByGlob, Glob: "*"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, input(c.in)); diff != "" {
				t.Errorf("the input (- want, + got):\n%s", diff)
			}
		})
	}
}

func TestCompileReportsProblemsOfGroups(t *testing.T) {
	group := func(files *Node, required any) *Node {
		return mode("InputByGroup", map[string]any{"files": files, "required": required})
	}
	folder := func(files *Node, required any) *Node {
		return mode("InputByFilenameSubfoldering", map[string]any{"file_to_read": files, "required": required})
	}
	inputModes := strings.Join(ModesOfRole(RoleInput), ", ")
	for _, c := range []struct {
		name string
		in   *Node
		want []string
	}{
		{"no files", group(&Node{Kind: KindMap}, nil), []string{"input_mode.files names no file: write it as {ID: …}"}},
		{"not a map", group(&Node{Kind: KindList}, nil), []string{"input_mode.files must be a map of extensions, not []: write it as {ID: [EXTENSION, …]}"}},
		{"extensions", group(ordered("", ".x", "a", []any{".jpg", "", "x/y"}, "b", ".JPG", "c", []any{}), nil), []string{
			"input_mode.files.a is empty: an extension must tell the files of this id from others",
			`input_mode.files.a is "x/y", which has a slash: an extension stays within the file's name`,
			`input_mode.files.b is ".jpg", which a has already: a file belongs to one id`,
			"input_mode.files.c has no extension",
			"input_mode.files has an empty id: the task gets each file as input_ID",
		}},
		{"numbers and several in one text", group(ordered("a", num(1), "b", ".x,.y", "c", []any{true}), nil), []string{
			"input_mode.files.a must be a list of texts, not 1",
			`input_mode.files.b is one text: ".x,.y": write several as [.x,.y]`,
			`input_mode.files.c.0 must be a text, not true: quote it to make it text: --mixin 'input_mode.files.c.0="true"'`,
		}},
		{"required", group(ordered("image", ".jpg", "text", ".txt"), []any{"imgae"}), []string{
			`input_mode.required has "imgae", which is not an id of input_mode.files: did you mean image? It can be image, text`,
		}},
		{"nothing is required", group(ordered("image", ".jpg"), []any{}), []string{
			"input_mode.required names no id, but an item's output is named after a file that it always has: name at least one id, or give null: all",
		}},
		{"files of folders", folder(ordered("a", "", "b", "../x", "c", "/x", "d", "x/../y", "e", "y"), []any{"f"}), []string{
			"input_mode.file_to_read.a is empty: it must name a file",
			`input_mode.file_to_read.b is "../x", which leads out of the item's folder: give the file's name in the folder`,
			`input_mode.file_to_read.c is "/x", which leads out of the item's folder: give the file's name in the folder`,
			`input_mode.file_to_read.e is "y", which d has already`,
			`input_mode.required has "f", which is not an id of input_mode.file_to_read: it can be a, b, c, d, e`,
		}},
		{"a merge of nothing", merged(), []string{"input_mode.modes is empty: nothing would be listed: write it as [{mode: NAME, …}, …]"}},
		{"what is no list", mode("InputByMerge", map[string]any{"modes": "InputByExts"}), []string{
			`input_mode.modes must be a list of modes, not "InputByExts": write it as [{mode: NAME, …}, …]`,
		}},
		{"wrong modes", merged(Scalar(nil), mode("OutputByApendingExt", nil), byExts(), mode("InputBySubDirectory", map[string]any{"sub_directory_level": "x"})), []string{
			"input_mode.modes.0 must be a mode, not null: it can be " + inputModes,
			"input_mode.modes.1 must be one of " + inputModes + ", not OutputByApendingExt, which is for output_mode",
			`input_mode.modes.3.sub_directory_level must be an integer, not "x"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Compile(root(map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: c.in}))
			var got []string
			for _, p := range problems {
				text := p.Path + " " + p.Message
				if p.Suggestion != "" {
					text += ": " + p.Suggestion
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (- want, + got):\n%s", diff)
			}
		})
	}
}

func TestMergesNeedWhatTheirModesNeed(t *testing.T) {
	lines := mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "a.jsonl"})
	tmpl := mustCompile(t, map[string]*Node{RoleInput: merged(lines)})
	if got := tmpl.InputsFrom(); got != "a.jsonl" {
		t.Errorf("the inputs are from %q", got)
	}
	if _, problems := Compile(root(map[string]*Node{RoleInput: merged(lines, byExts())})); len(problems) != 1 {
		t.Errorf("a mode that lists a folder needs one: %v", problems)
	}
	if _, problems := Compile(root(map[string]*Node{RoleHardShard: folders("", "out"), RoleInput: merged(byExts())})); len(problems) != 1 {
		t.Errorf("an empty folder: %v", problems)
	}
}

func TestMergesOfPluginModesAreThePlugins(t *testing.T) {
	own := &Node{Kind: KindMode, Mode: "Mine", Custom: true}
	tmpl := mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: merged(byExts(), own)})
	if !cmp.Equal(tmpl.Custom, []string{RoleInput}) || tmpl.Input != nil {
		t.Errorf("custom are %v, the input is %v", tmpl.Custom, tmpl.Input)
	}
}
