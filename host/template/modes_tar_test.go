package template

import (
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
			`input_mode.required has "imgae", which is no id of input_mode.keys: did you mean image?`,
			"input_mode.glob is empty: it must match the archives: write *.tar",
		}},
		{"members and glob", map[string]any{"glob": "", "keys": ordered("image", "jpg"), "members": "file"}, []string{
			`input_mode.members is "file", which it cannot be: it can be paths, bytes`,
			"input_mode.glob is empty: it must match the archives: write *.tar",
		}},
		{"members", map[string]any{"glob": "*", "keys": ordered("image", "jpg"), "members": "file"}, []string{
			`input_mode.members is "file", which it cannot be: it can be paths, bytes`,
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
