package job

import (
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestSourceFlags(t *testing.T) {
	normal := &schema.Task{Name: "T"}
	own := &schema.Task{Name: "T", Kind: schema.Device}
	tree := func(input ...string) *template.Node {
		root := &template.Node{Kind: template.KindMap}
		for i, name := range input {
			mode := &template.Node{Kind: template.KindMode, Mode: name}
			if i > 0 {
				mode.Set("modes", &template.Node{Kind: template.KindList, List: []*template.Node{root.Get(template.RoleInput)}})
			}
			root.Set(template.RoleInput, mode)
		}
		return root
	}
	for _, c := range []struct {
		flags SourceFlags
		task  *schema.Task
		tree  *template.Node
		mode  string
		wrong string
	}{
		{SourceFlags{}, normal, nil, "", ""},
		{SourceFlags{Manifest: "m"}, normal, tree("InputByExts"), "InputFromFileTripletJsonl", ""},
		{SourceFlags{Manifest: "m"}, normal, tree(), "InputByMerge", ""},
		{SourceFlags{Manifest: "m"}, normal, tree("InputFromWhateverJsonl"), "InputFromWhateverJsonl", ""},
		{SourceFlags{Manifest: "m"}, normal, tree("InputByGroup", "InputByMerge"), "InputByMerge", ""},
		{SourceFlags{FilesFrom: "-"}, normal, tree("InputByGroup"), "", "an item of T has several files"},
		{SourceFlags{FilesFrom: "-"}, normal, tree("InputByFilenameSubfoldering", "InputByMerge"), "", "an item of T has several files"},
		{SourceFlags{FilesFrom: "-"}, normal, tree("InputByExts", "InputByMerge"), "InputFromList", ""},
		{SourceFlags{FilesFrom: "-", Null: true}, normal, tree(), "InputFromList", ""},
		{SourceFlags{FilesFrom: "-", Manifest: "m"}, normal, tree(), "", "--files-from, --manifest: each says where the items come from"},
		{SourceFlags{Manifest: "m", Null: true}, normal, tree(), "", "--null: says how the paths of --files-from end, which is not given"},
		{SourceFlags{Manifest: "m"}, normal, nil, "", "T has no template"},
		{SourceFlags{Manifest: "m"}, own, tree(), "", "a loader of its own"},
	} {
		problems := c.flags.apply(c.task, c.tree)
		said := ""
		if len(problems) > 0 {
			said = problems[0].String()
		}
		if (said == "") != (c.wrong == "") || !strings.Contains(said, c.wrong) {
			t.Errorf("%+v: %q, want %q", c.flags, said, c.wrong)
		}
		if got := c.tree.Get(template.RoleInput); c.mode != "" && (got == nil || got.Mode != c.mode) {
			t.Errorf("%+v: %+v, want %s", c.flags, got, c.mode)
		}
	}
}
