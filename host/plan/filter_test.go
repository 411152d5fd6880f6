package plan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestFilters(t *testing.T) {
	t.Chdir(t.TempDir())
	old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.Local)
	for i, name := range []string{"a.jpg", "b.JPG", "c.tmp.jpg", "sub/d.jpg", "sub/deep/e.jpg", "sub/deep/.f.jpg", "cache/g.jpg", "sub/cache/h.jpg", "raw/i/j.jpg"} {
		touch(t, "in/"+name)
		if err := os.Truncate("in/"+name, int64(i*1000)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes("in/"+name, time.Time{}, old.AddDate(i/3, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	touch(t, "in/new.jpg")
	if err := os.Symlink("nowhere", "in/leads-nowhere.jpg"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("raw/i/j.jpg", "in/link.jpg"); err != nil {
		t.Fatal(err)
	}
	all := []string{"a.jpg", "b.JPG", "c.tmp.jpg", "leads-nowhere.jpg", "link.jpg", "new.jpg", "cache/g.jpg", "raw/i/j.jpg", "sub/d.jpg", "sub/cache/h.jpg", "sub/deep/.f.jpg", "sub/deep/e.jpg"}
	for _, c := range []struct {
		name   string
		fields map[string]any
		want   []string
	}{
		{"all", map[string]any{"recursive": true}, all},
		{"flat", map[string]any{"recursive": false}, all[:6]},
		{"names", map[string]any{"ignore": []any{"*.tmp.jpg", "cache", "link*", ".*"}}, []string{"a.jpg", "b.JPG", "leads-nowhere.jpg", "new.jpg", "raw/i/j.jpg", "sub/d.jpg", "sub/deep/e.jpg"}},
		{"one pattern", map[string]any{"ignore": "*.jpg"}, []string{"b.JPG"}},
		{"folders alone", map[string]any{"ignore": []any{"a.jpg/", "cache/", "sub/"}}, []string{"a.jpg", "b.JPG", "c.tmp.jpg", "leads-nowhere.jpg", "link.jpg", "new.jpg", "raw/i/j.jpg"}},
		{"paths", map[string]any{"ignore": []any{"/cache", "sub/*/.f.jpg", "raw/**", "/a.jpg"}}, []string{"b.JPG", "c.tmp.jpg", "leads-nowhere.jpg", "link.jpg", "new.jpg", "sub/d.jpg", "sub/cache/h.jpg", "sub/deep/e.jpg"}},
		{"at any depth", map[string]any{"ignore": []any{"**/cache/*", "sub/**/e.jpg", "**/*.JPG"}}, []string{"a.jpg", "c.tmp.jpg", "leads-nowhere.jpg", "link.jpg", "new.jpg", "raw/i/j.jpg", "sub/d.jpg", "sub/deep/.f.jpg"}},
		{"least size", map[string]any{"min_size": json.Number("5000")}, []string{"link.jpg", "cache/g.jpg", "raw/i/j.jpg", "sub/cache/h.jpg", "sub/deep/.f.jpg"}},
		{"sizes", map[string]any{"min_size": "1K", "max_size": "4.0k"}, []string{"c.tmp.jpg", "sub/d.jpg", "sub/deep/e.jpg"}},
		{"empty files", map[string]any{"max_size": json.Number("0")}, []string{"a.jpg", "new.jpg"}},
		{"day", map[string]any{"newer_than": "2022-01-01"}, []string{"link.jpg", "new.jpg", "cache/g.jpg", "raw/i/j.jpg", "sub/cache/h.jpg"}},
		{"moment", map[string]any{"newer_than": old.AddDate(2, 0, 0).Format("2006-01-02 15:04:05")}, []string{"new.jpg"}},
		{"zone", map[string]any{"newer_than": old.AddDate(2, 0, 0).Add(-time.Second).UTC().Format(time.RFC3339)}, []string{"link.jpg", "new.jpg", "cache/g.jpg", "raw/i/j.jpg", "sub/cache/h.jpg"}},
		{"age", map[string]any{"newer_than": "1.5h"}, []string{"new.jpg"}},
	} {
		c.fields["exts"] = []any{".jpg"}
		for _, store := range []FS{nil, mapped{}} {
			w := walkFrom(t, mustCompile(t, map[string]*template.Node{
				template.RoleHardShard: folders("in", "out"), template.RoleInput: mode("InputByExts", c.fields),
			}), Options{FS: store})
			var want []string
			for _, name := range c.want {
				want = append(want, template.Join("in", "./"+name))
				if filepath.Dir(name) != "." {
					want[len(want)-1] = "in/" + name
				}
			}
			if diff := cmp.Diff(want, w.paths(t)); w.err != nil || diff != "" {
				t.Errorf("%s, %T: %v\n%s", c.name, store, w.err, diff)
			}
		}
	}
}

// mapped is a store that is not the local disk.
type mapped struct{ localDisk }

// A file that is left out is no output's source: what is an output depends on names alone.
func TestFiltersAndOutputsBesideInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.txt", "in/a.txt.txt", "in/b.txt")
	if err := os.Truncate("in/b.txt", 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate("in/a.txt.txt", 10); err != nil {
		t.Fatal(err)
	}
	w := walkAll(t, mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "in"), template.RoleInput: mode("InputByExts", map[string]any{"exts": []any{".txt"}, "min_size": num(1)}),
		template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
	}))
	if diff := cmp.Diff([]string{"in/./b.txt"}, w.paths(t)); w.err != nil || diff != "" {
		t.Errorf("%v\n%s", w.err, diff)
	}
}

func TestPatternsOfAnyDepth(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/.h.jpg", "in/x/b.jpg", "in/x/y/c.jpg", "in/x/y/x/d.jpg", "in/.hid/e.jpg", "in/z.jpg/f.jpg", "in/b/x/g.png", "in/.kagurazaka/n.jpg", "far/k.jpg")
	if err := os.Symlink("../far", "in/link"); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][]string{
		"**/*.jpg":       {"a.jpg", "z.jpg", "x/b.jpg", "x/y/c.jpg", "x/y/x/d.jpg", "z.jpg/f.jpg"},
		"**/**/*.jpg":    {"a.jpg", "z.jpg", "x/b.jpg", "x/y/c.jpg", "x/y/x/d.jpg", "z.jpg/f.jpg"},
		"x/**/*.jpg":     {"x/b.jpg", "x/y/c.jpg", "x/y/x/d.jpg"},
		"**/x/*":         {"b/x/g.png", "x/b.jpg", "x/y", "x/y/x/d.jpg"},
		"**/x/**/d.jpg":  {"x/y/x/d.jpg"},
		"**/.h*":         {".h.jpg", ".hid"},
		"**/.hid/*.jpg":  {".hid/e.jpg"},
		"*/**/*.png":     {"b/x/g.png"},
		"x/**":           {"x/b.jpg", "x/y", "x/y/c.jpg", "x/y/x", "x/y/x/d.jpg"},
		"l*/**/*.jpg":    {"link/k.jpg"},
		"none/**/*.jpg":  nil,
		"**/[xy]/?.jpg":  {"x/b.jpg", "x/y/c.jpg", "x/y/x/d.jpg"},
		"x/y/**/x/d.jpg": {"x/y/x/d.jpg"},
	} {
		w := walkAll(t, mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders("in", "out"),
			template.RoleInput:     mode("InputByGlob", map[string]any{"glob_pattern": pattern, "recursive": true}),
		}))
		var paths []string
		for _, p := range w.paths(t) {
			paths = append(paths, p[len("in/"):])
		}
		if diff := cmp.Diff(want, paths); w.err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", pattern, w.err, diff)
		}
	}
}

// BenchmarkRecursivePattern compares a pattern of any depth with InputByExts, which lists the same files.
func BenchmarkRecursivePattern(b *testing.B) {
	b.Chdir(b.TempDir())
	for i := range 20_000 {
		touch(b, "in/"+strconv.Itoa(i%100)+"/"+strconv.Itoa(i)+".jpg")
	}
	for name, in := range map[string]*template.Node{
		"exts": byExts(".jpg"), "glob": mode("InputByGlob", map[string]any{"glob_pattern": "**/*.jpg", "recursive": true}),
	} {
		b.Run(name, func(b *testing.B) {
			tmpl := mustCompile(b, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: in})
			b.ReportAllocs()
			for b.Loop() {
				if err := walkInputs(b.Context(), tmpl, walkOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
