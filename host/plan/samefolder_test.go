package plan

import (
	"os"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Outputs in the folder of the inputs may be written over inputs if their names can be those of inputs.
func TestOverInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "in")
	if err := os.Symlink("in", "link"); err != nil {
		t.Fatal(err)
	}
	appending := func(ext string) *template.Node { return mode("OutputByApendingExt", map[string]any{"ext": ext}) }
	replacing := func(ext string) *template.Node { return mode("OutputByReplacingExt", map[string]any{"ext": ext}) }
	glob := func(pattern string) *template.Node {
		return mode("InputByGlob", map[string]any{"glob_pattern": pattern})
	}
	another := func(name string) string { return "the output of " + name + " may be another input" }
	for _, c := range []struct {
		name    string
		in, out *template.Node
		want    string
	}{
		{"another extension of the inputs", byExts(".jpeg", ".png"), replacing(".png"), another("a.jpeg")},
		{"in upper case", byExts(".jpeg", ".png"), replacing(".PNG"), another("a.jpeg")},
		{"the same extension", byExts(".txt"), replacing(".txt"), itself("a.txt")},
		{"the same end", byExts(".seg.png"), replacing(".png"), itself("a.seg.png")},
		{"another extension", byExts(".jpeg", ".png"), replacing(".webp"), ""},
		{"appended extension", byExts(".txt"), appending(".up"), ""},
		{"appended extension of the inputs", byExts(".txt"), appending(".txt"), another("a.txt")},
		{"appended end of the inputs", byExts(".txt"), appending(".up.txt"), another("a.txt")},
		{"an extension of both", byExts(".txt", ".txt.up"), appending(".up"), another("a.txt")},
		{"an extension of two others", byExts(".jpg", ".txt.up"), appending(".up"), ""},
		{"nothing appended", byExts(".txt"), appending(""), itself("a.txt")},
		{"all names", glob("*"), appending(".up"), another("a.txt")},
		{"a pattern", glob("sub/*.txt"), appending(".txt"), another("a.txt")},
		{"a pattern in upper case", glob("*.TXT"), replacing(".txt"), ""},
		{"another pattern", glob("*.txt"), appending(".up"), ""},
		{"one name", glob("*/a.txt"), appending(".txt"), ""},
		{"one name that stays", glob("*/a.txt"), replacing(".txt"), itself("a.txt")},
		{"a folder's files", mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}), appending(".txt"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for out, same := range map[string]bool{"in": true, "link": true, "./in/": true, "other": false, "in/other": false, ".": false} {
				compiled := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", out), template.RoleInput: c.in, template.RoleOutput: c.out})
				want := c.want
				if !same {
					want = ""
				}
				if got := OverInputs(compiled); got != want {
					t.Errorf("with the output folder %s: %q instead of %q", out, got, want)
				}
			}
		})
	}
	merged := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("link", "in"), template.RoleInput: byExts(".jpeg", ".png"), template.RoleOutput: replacing(".png")})
	merged.Input = &template.Input{Kind: template.Merged, Modes: []*template.Input{{Kind: template.ByExts, Exts: []string{".jpeg"}}, {Kind: template.ByExts, Exts: []string{".png"}}}}
	if got := OverInputs(merged); !strings.Contains(got, "a.jpeg may be another") {
		t.Errorf("of two modes: %q", got)
	}
}
