package plan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// listOf compiles a template that reads a list of paths, with outputs below out.
func listOf(t testing.TB, path, in string, nul bool) *template.Template {
	t.Helper()
	return mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders(in, "out"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".o"}),
		template.RoleInput: mode("InputFromList", map[string]any{"list_path": path, "nul": nul}),
	})
}

func TestPathsOfAList(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct{ in, path, want, rel, name string }{
		{"in", "in/a/b.jpg", "in/a/b.jpg", "a", "b.jpg"},
		{"in", "./in/b.jpg", "./in/b.jpg", ".", "b.jpg"},
		{"./in/", dir + "/in/a/b", dir + "/in/a/b", "a", "b"},
		{"in", "in/a/../b", "in/a/../b", ".", "b"},
		{"in", "in/a/", "in/a", ".", "a"},
		{"in", "inside/a", "inside/a", strings.TrimPrefix(dir, "/") + "/inside", "a"},
		{"in", "/etc/hosts", "/etc/hosts", "etc", "hosts"},
		{"in", "/hosts", "/hosts", ".", "hosts"},
		{"", "a b /c\t", "a b /c\t", "a b ", "c\t"},
		{"", "../x", "../x", strings.TrimPrefix(filepath.Dir(dir), "/"), "x"},
		{"/", "/etc/hosts", "/etc/hosts", "etc", "hosts"},
		{"in", "in/\xff", "in/\xff", ".", "\xff"},
	} {
		p, err := newPathLines([]string{c.in}, false, &remark{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.input([]byte(c.path))
		if want := (triplet{Path: c.want, RelDir: c.rel, FileName: c.name}); err != nil || got != want {
			t.Errorf("%q in %q: %+v, %v, want %+v", c.path, c.in, got, err, want)
		}
	}
}

func TestLists(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("{there}", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		nul        bool
		want       []string
		err        string
	}{
		{"lines", "\xef\xbb\xbfin/a\r\n\nin/b\nin/ c ", false, []string{"in/a", "in/b", "in/ c "}, ""},
		{"nul", "in/a\nb\x00\x00in/c\r\x00in/d", true, []string{"in/a\nb", "in/c\r", "in/d"}, ""},
		{"no nul", "in/a\nin/b\n", true, nil, "reading inputs from list: no path in it ends with a NUL: leave out -0 (nul: true)"},
		{"nul in lines", "in/a\x00in/b\x00", false, nil, "reading inputs from list:1: the line has a zero byte: is it a list for -0 (nul: true)?"},
		{"root", "in/a\n/\n", false, []string{"in/a"}, "reading inputs from list:2: the line is the root folder, which has no name"},
		{"objects", "in/a\n{there}\n{\"input\":{\"path\":\"in/b\"}}\r\n", false, []string{"in/a", "{there}"}, "reading inputs from list:3: the line looks like a JSON object, and no such path exists: --manifest reads a list of those, in place of --files-from"},
		{"empty", "", true, nil, ""},
	} {
		if err := os.WriteFile("list", []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		w := walkAll(t, listOf(t, "list", "in", c.nul))
		if diff := cmp.Diff(c.want, w.paths(t)); diff != "" || (w.err == nil) != (c.err == "") || w.err != nil && !strings.HasPrefix(w.err.Error(), c.err) {
			t.Errorf("%s: %v\n%s", c.name, w.err, diff)
		}
	}
	if err := os.WriteFile("list", []byte("in/a\n/etc/a\n../a\nin/./a\nin/a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := walkAll(t, listOf(t, "list", "in", false))
	var collision *CollisionError
	if !errors.As(w.err, &collision) || collision.Second != "in/./a (line 4)" {
		t.Errorf("one file in two spellings: %v", w.err)
	}
	if want := "2 inputs of the list lie outside of the input folder, so their outputs have their whole paths below the output folder; the first: /etc/a"; len(w.messages()) != 1 || w.messages()[0] != want {
		t.Error(w.messages())
	}
}

// A list that comes through stdin bit by bit: what is there is worked on while its writer takes its time.
func TestListFromStdin(t *testing.T) {
	t.Chdir(t.TempDir())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = read
	t.Cleanup(func() { os.Stdin = stdin; _ = read.Close() })
	s, err := New(t.Context(), listOf(t, "-", "", false), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a\n", "b\n"} {
		if _, err := write.WriteString(name); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Next(t.Context()); err != nil || b.Count != 1 || !strings.Contains(string(b.Payload), `"path":"`+name[:1]+`"`) {
			t.Errorf("%q gave %s, %v", name, b.Payload, err)
		}
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, _, err := drain(t, s); err != nil || len(lines) > 0 {
		t.Errorf("%v, %v", lines, err)
	}
	s.Close()
	// A silent writer does not keep a listing from its end.
	silent, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	os.Stdin = silent
	ctx, cancel := context.WithCancel(t.Context())
	if s, err = New(ctx, listOf(t, "-", "", false), Options{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	s.Close()
}
