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
	tree := func() *template.Node { return &template.Node{Kind: template.KindMap} }
	for _, c := range []struct {
		flags SourceFlags
		task  *schema.Task
		tree  *template.Node
		mode  string
		wrong string
	}{
		{SourceFlags{}, normal, nil, "", ""},
		{SourceFlags{Manifest: "m"}, normal, tree(), "InputFromFileTripletJsonl", ""},
		{SourceFlags{FilesFrom: "-", Null: true}, normal, tree(), "InputFromList", ""},
		{SourceFlags{FilesFrom: "-", Manifest: "m"}, normal, tree(), "", "--files-from and --manifest both say where the items come from: give one of them"},
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
