package template

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompileTar(t *testing.T) {
	tar := func(fields map[string]any) *Template {
		t.Helper()
		return mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: mode("InputByTar", fields)})
	}
	keys := ordered("image", []any{".jpg", "PNG"}, "mask", "seg.png", "text", ".txt")
	got := tar(map[string]any{"glob": "*.tar", "keys": keys, "required": []any{"text", "mask"}, "members": "bytes"})
	want := &Input{
		Kind: ByTar, Glob: "*.tar", First: 1, Bytes: true,
		Members: []Member{
			{ID: "image", Exts: []string{"jpg", "png"}},
			{ID: "mask", Exts: []string{"seg.png"}, Required: true},
			{ID: "text", Exts: []string{"txt"}, Required: true},
		},
	}
	if diff := cmp.Diff(want, got.Input); diff != "" {
		t.Errorf("the input (- want, + got):\n%s", diff)
	}
	if !got.HasMembers() {
		t.Error("it has no members")
	}
	all := tar(map[string]any{"glob": "*.tar", "keys": keys}).Input
	if all.Bytes || all.First != 0 || !all.Members[0].Required || !all.Members[2].Required {
		t.Errorf("without required and members: %+v", all)
	}
	inMerge := mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: merged(byExts(".a"), mode("InputByTar", map[string]any{"glob": "*.tar", "keys": keys}))})
	if !inMerge.HasMembers() || mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: byExts(".a")}).HasMembers() {
		t.Error("members are not seen in a merge, or where there are none")
	}
	lines := mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "a"})
	if !mustCompile(t, map[string]*Node{RoleInput: merged(lines)}).HasMembers() || mustCompile(t, map[string]*Node{RoleInput: lines}).HasMembers() {
		t.Error("the lines of a manifest have members outside of a merge, or none in one")
	}
	guessed := mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: ordered("glob", "*.tar", "keys", map[string]any{"image": "jpg"})})
	if guessed.Input.Kind != ByTar {
		t.Errorf("a map with glob and keys is of the kind %v", guessed.Input.Kind)
	}
}

func TestCompileReportsProblemsOfTar(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields map[string]any
		want   []string
	}{
		{"nothing", map[string]any{}, []string{
			"input_mode.glob is missing: InputByTar needs it: give it with --mixin input_mode.glob=VALUE",
			"input_mode.keys is missing: InputByTar needs it: give it with --mixin input_mode.keys=VALUE",
		}},
		{"all of it", map[string]any{"glob": "", "keys": ordered("image", []any{".jpg", "."}, "text", "JPG", "deep", "a/b"), "required": []any{"imgae"}}, []string{
			"input_mode.keys.image is empty: an extension must tell the files of this id from others",
			`input_mode.keys.text is "jpg", which image has already: a file belongs to one id`,
			`input_mode.keys.deep is "a/b", which has a slash: an extension stays within the file's name`,
			`input_mode.required has "imgae", which is not an id of input_mode.keys: did you mean image? It can be image, text, deep`,
			"input_mode.glob is empty: it must match the archives: write *.tar",
		}},
		{"members and glob", map[string]any{"glob": "", "keys": ordered("image", "jpg"), "members": "file"}, []string{
			`input_mode.members must be one of paths, bytes, not "file"`,
			"input_mode.glob is empty: it must match the archives: write *.tar",
		}},
		{"members", map[string]any{"glob": "*", "keys": ordered("image", "jpg"), "members": "file"}, []string{
			`input_mode.members must be one of paths, bytes, not "file"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Compile(root(map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: mode("InputByTar", c.fields)}))
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

func TestCompileOutputByTar(t *testing.T) {
	out := func(fields map[string]any) *Template {
		t.Helper()
		return mustCompile(t, map[string]*Node{
			RoleHardShard: folders("in", "out"), RoleInput: byExts(".a"), RoleOutput: mode("OutputByTar", fields), RoleFinishCheck: checkOutput(nil),
		})
	}
	got := out(map[string]any{"keys": ordered("mask", ".Seg.png", "image", "JPG"), "size": "2K", "count": nil})
	want := &Output{Kind: InTar, Size: 2048, Files: []OutputFile{{"mask", "seg.png"}, {"image", "jpg"}}}
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("the output (- want, + got):\n%s", diff)
	}
	if staging, known := got.Staging(); !known || staging.Folder || !slices.Equal(staging.Last, []string{"output"}) || got.CanBeDirect() || !got.Packs() {
		t.Errorf("staged as %+v, known %v, direct %v, packs %v", staging, known, got.CanBeDirect(), got.Packs())
	}
	if diff := cmp.Diff(&Output{Kind: InTar, Size: 1 << 30, Count: 10000}, out(map[string]any{}).Output); diff != "" {
		t.Errorf("by default (- want, + got):\n%s", diff)
	}
	_, problems := Compile(root(map[string]*Node{
		RoleHardShard: folders("in", "out"), RoleInput: byExts(".a"), RoleFinishCheck: checkOutput("a"),
		RoleOutput: mode("OutputByTar", map[string]any{"size": "0", "count": num(0), "keys": ordered("a", "JPG", "b", ".jpg", "c", "", "d", "x/y", "e", "x~0", "f", "t__")}),
	}))
	var found []string
	for _, p := range problems {
		found = append(found, p.Path+" "+p.Message)
	}
	if diff := cmp.Diff([]string{
		"output_mode.size is 0: an archive must hold something",
		"output_mode.count is 0: an archive must hold at least one sample",
		`output_mode.keys.b is "jpg", which a has already: a sample has one member of an extension`,
		"output_mode.keys.c is empty: an extension must tell the members of a sample apart",
		`output_mode.keys.d is "x/y": an extension has neither a slash nor a ~`,
		`output_mode.keys.e is "x~0": an extension has neither a slash nor a ~`,
		`output_mode.keys.f is "t__": webdataset passes over members whose names begin and end with __`,
	}, found); diff != "" {
		t.Errorf("problems (- want, + got):\n%s", diff)
	}
	_, problems = Compile(root(map[string]*Node{
		RoleHardShard: folders("in", "out"), RoleInput: byExts(".a"), RoleFinishCheck: checkOutput(nil),
		RoleOutput: mode("OutputByTar", map[string]any{"size": json.Number("1.5"), "keys": []any{"jpg"}}),
	}))
	found = nil
	for _, p := range problems {
		found = append(found, p.Path+" "+p.Message+": "+p.Suggestion)
	}
	slices.Sort(found)
	if diff := cmp.Diff([]string{
		`output_mode.keys must be a map of names, not ["jpg"]: write it as {ID: EXTENSION}`,
		"output_mode.size must be an integer or a text, not 1.5: ",
	}, found); diff != "" {
		t.Errorf("problems (- want, + got):\n%s", diff)
	}
	// A map without a name is not guessed from nothing.
	if _, problems := Compile(root(map[string]*Node{RoleHardShard: folders("in", "out"), RoleOutput: {Kind: KindMap}})); len(problems) == 0 {
		t.Error("an empty map is a mode")
	}
}

func TestSampleKeys(t *testing.T) {
	for _, c := range []struct{ relDir, name, folder, key, member string }{
		{".", "a.jpg", ".", "a", "a.jpg"},
		{"deep/er", "a.v1.jpg", "deep/er", "deep/er/a%2Ev1", "a%2Ev1.jpg"},
		{".", "a%2Ev1.jpg", ".", "a%252Ev1", "a%252Ev1.jpg"},
		{"v1.0/./x", ".hidden", "v1.0/x", "v1.0/x/%2Ehidden", "%2Ehidden.bin"},
		{"..", "a.jpg", "%2E%2E", "%2E%2E/a", "a.jpg"},
		{"x/../..", "a.jpg", "%2E%2E", "%2E%2E/a", "a.jpg"},
		{"..x", "a.jpg", "..x", "..x/a", "a.jpg"},
		{"/abs", "a.jpg", "%2F/abs", "%2F/abs/a", "a.jpg"},
		{"__x__/y", "a.", "%5F_x__/y", "%5F_x__/y/a", "a.bin"},
		{"y/__x__", "a", "y/__x__", "y/__x__/a", "a.bin"},
		{"5%", "deep/a.b", "5%25/deep", "5%25/deep/a", "a.b"},
		{"al~0.jpg/home~me", "a.b", "al%7E0.jpg/home~me", "al%7E0.jpg/home~me/a", "a.b"},
		{"al%7E0.jpg", "a.b", "al%257E0.jpg", "al%257E0.jpg/a", "a.b"},
		{"v1.0\nz", "a.b", "v1.0%0Az", "v1.0%0Az/a", "a.b"},
		{".", "__x.y__", ".", "__x", "__x.y_%5F"},
		{".", "__x__", ".", "__x__", "__x__.bin"},
	} {
		folder, name := SampleFolder(c.relDir, c.name)
		key := string(AppendSampleKey(nil, folder, name))
		member := string((&Output{Kind: InTar}).AppendMemberName(nil, name, 0))
		if folder != c.folder || key != c.key || member != c.member {
			t.Errorf("%s, %s: folder %s, key %s, member %s; want %+v", c.relDir, c.name, folder, key, member, c)
		}
	}
}

func TestSpoolNames(t *testing.T) {
	mode := &Output{Kind: InTar, Files: []OutputFile{{"a", "jpg"}, {"b", "seg.png"}}}
	for _, name := range []string{"a.jpg", "a", "a~0.jpg", "a~1.b~c", "~", "a~1.b~2.x"} {
		for _, out := range []*Output{mode, {Kind: InTar}} {
			for member := range max(1, len(out.Files)) {
				file := string(out.AppendSpoolName(nil, name, member))
				got, i, ext, ok := ParseSpoolName(file)
				if !ok || got != name || i != member || ext != out.memberExt(name, member) {
					t.Errorf("%s is read as %q, %d, %q, %v", file, got, i, ext, ok)
				}
			}
		}
	}
	for _, file := range []string{"a", "a.jpg", "a~.jpg", "a~0", "a~0.", "~0.jpg", "a~01.jpg", "a~-1.jpg", "a~x.jpg"} {
		if _, _, _, ok := ParseSpoolName(file); ok {
			t.Errorf("%s is a file of a sample", file)
		}
	}
}
