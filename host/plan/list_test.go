package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// An entry is read back as the item that it was written of, whatever the template does with it.
func TestEntriesAreReadBack(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/sub/b\xff.jpg", "in/c.jpg", "out/c.jpg.txt")
	write := mode("OutputByApendingExt", map[string]any{"ext": ".txt"})
	tmpl := mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts(".jpg"), template.RoleOutput: write, template.RoleFinishCheck: checkOutput(nil),
	})
	list := func(tmpl *template.Template) (entries, lines []string, paths []triplet, states []string, s Summary) {
		s, err := List(t.Context(), tmpl, Options{}, Need{Line: true, Entry: true, Input: true, Done: true, Order: true}, func(i *Item) error {
			if int(i.Number) != len(lines) {
				t.Errorf("item %d has the number %d", len(lines), i.Number)
			}
			entries, lines, paths = append(entries, string(i.Entry)), append(lines, string(i.Line)), append(paths, i.Input)
			states = append(states, fmt.Sprint(i.State == template.OutputWhole))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return entries, lines, paths, states, s
	}
	entries, lines, paths, states, s := list(tmpl)
	if diff := cmp.Diff([]string{"false", "true", "false"}, states); diff != "" || s.InShard != 3 || s.Done != 1 || s.ToDo != 2 {
		t.Errorf("%+v\n%s", s, diff)
	}
	content := ""
	for _, e := range entries {
		content += e + "\n"
	}
	if err := os.WriteFile("list.jsonl", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"InputFromFileTripletJsonl", "InputFromWhateverJsonl"} {
		again := mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders("in", "out"), template.RoleInput: mode(name, map[string]any{"jsonl_path": "list.jsonl"}), template.RoleOutput: write,
			template.RoleFinishCheck: checkOutput(nil),
		})
		gotEntries, gotLines, gotPaths, gotStates, _ := list(again)
		for _, diff := range []string{cmp.Diff(entries, gotEntries), cmp.Diff(lines, gotLines), cmp.Diff(paths, gotPaths), cmp.Diff(states, gotStates)} {
			if diff != "" {
				t.Errorf("%s, - the folders:\n%s", name, diff)
			}
		}
	}
}

func TestListOwn(t *testing.T) {
	blocks := given{
		{Count: 2, Payload: []byte(`{"input":{"path":"p","rel_dir":"d","file_name":"n"}}` + "\n" + `{"i":1}`)},
		{Encoding: backbones.Opaque, Count: 2, Payload: []byte("xy"), Keys: []string{"x", "y"}, ContentKeys: []uint64{7, 8}},
		{Encoding: backbones.Opaque, Count: 1, Payload: []byte("z"), Skip: 3},
	}
	var got []Item
	s, err := ListOwn(t.Context(), nil, &blocks, Options{}, Need{Entry: true, Input: true, Done: true, Order: true}, func(i *Item) error {
		item := *i
		item.Entry = nil
		if i.Entry != nil && !json.Valid(i.Entry) {
			t.Errorf("%q", i.Entry)
		}
		got = append(got, item)
		return nil
	})
	if err != nil || s.InShard != 5 {
		t.Fatal(s, err)
	}
	want := []Item{
		{Input: triplet{Path: "p", RelDir: "d", FileName: "n"}}, {Number: 1}, {Number: 2, Opaque: true, Shown: "x", Key: 7}, {Number: 3, Opaque: true, Shown: "y", Key: 8},
		{Number: 4, Opaque: true, Key: itemkey.At(itemkey.Of([]byte("z")), 3)},
	}
	for i := range want {
		want[i].State = template.OutputMissing
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	blocks = given{{Encoding: backbones.Opaque, Count: 1, Payload: []byte("z")}}
	_, err = ListOwn(t.Context(), mustCompile(t, map[string]*template.Node{"soft_shard": softShard("SoftShard", 2, json.Number("0"))}), &blocks, Options{}, Need{}, func(*Item) error { return nil })
	if err != ErrUnreadable { //nolint:errorlint // it is returned as it is
		t.Errorf("opaque items of a shard: %v", err)
	}
}
