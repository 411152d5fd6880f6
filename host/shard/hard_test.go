package shard

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// write makes files with their names as content.
func write(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree lists the files below a folder with their contents.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all = append(all, rel+"="+string(b))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func someFiles(t *testing.T, dir string) {
	t.Helper()
	for i := range 40 {
		write(t, dir, fmt.Sprintf("sub%d/deep/%02d.jpg", i%3, i), fmt.Sprintf("sub%d/deep/%02d.txt", i%3, i))
	}
	write(t, dir, ".hidden", "a", "b.c.d", "sub0/deep/00-1.jpg")
}

func TestLayout(t *testing.T) {
	hash := func(dir, name string) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(dir + "/" + name))
		return h.Sum64() >> 7
	}
	for kind, l := range map[string]Layout{"index": {}, "hash": {Hash: hash}, "size": {BySize: true}} {
		t.Run(kind, func(t *testing.T) {
			t.Chdir(t.TempDir())
			someFiles(t, "in")
			before := tree(t, "in")
			l.In, l.Base, l.Name, l.Parts = "in", "a/base", "input", 4
			parts, err := l.Make(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var union []string
			for i, p := range parts {
				part := tree(t, fmt.Sprintf("a/base/%d/input", i))
				if len(part) != int(p.Items) || len(part) == 0 {
					t.Errorf("part %d has %d files, said to have %d", i, len(part), p.Items)
				}
				// A picture and its text are one item.
				for _, name := range part {
					if stem, isPicture := strings.CutSuffix(strings.Split(name, "=")[0], ".jpg"); isPicture && !strings.HasSuffix(stem, "-1") {
						if _, err := os.Stat(fmt.Sprintf("a/base/%d/input/%s.txt", i, stem)); err != nil {
							t.Error(err)
						}
					}
				}
				union = append(union, part...)
			}
			slices.Sort(union)
			sorted := slices.Sorted(slices.Values(before))
			if !slices.Equal(union, sorted) {
				t.Errorf("the parts have %v", union)
			}
			if _, err := l.Make(t.Context()); err == nil || !strings.Contains(err.Error(), "--undo") {
				t.Errorf("a second time: %v", err)
			}
			if err := os.RemoveAll("in/sub1"); err != nil {
				t.Fatal(err)
			}
			u, err := Undo(t.Context(), "in", "a/base")
			if err != nil || u.Returned == 0 || u.Removed+u.Returned != len(before) || u.Kept != 0 {
				t.Errorf("%+v, %v", u, err)
			}
			if got := tree(t, "in"); !slices.Equal(got, before) {
				t.Errorf("after it was taken back: %v", got)
			}
			if _, err := os.Lstat("a/base"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder of the parts is left: %v", err)
			}
		})
	}
}

// A command that ends anywhere is completed by the same command, or taken back.
func TestLayoutThatWasEnded(t *testing.T) {
	for n := 0; ; n++ {
		t.Chdir(t.TempDir())
		someFiles(t, "in")
		before := tree(t, "in")
		l := Layout{In: "in", Base: "base", Name: "input", Parts: 3}
		ended := errors.New("ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		w := &countdown{Context: ctx, n: n, end: func() { cancel(ended) }}
		_, err := l.Make(w)
		if err == nil {
			if n < 8 {
				t.Errorf("it was ended %d times alone", n)
			}
			break
		}
		if !errors.Is(err, ended) {
			t.Fatal(err)
		}
		if n%2 == 0 {
			if _, err := l.Make(t.Context()); err != nil {
				t.Fatalf("again, after %d folders: %v", n, err)
			}
		}
		if _, err := os.Lstat(filepath.Join("base", markName)); err == nil {
			if _, err := Undo(t.Context(), "in", "base"); err != nil {
				t.Fatal(err)
			}
		}
		if got := tree(t, "in"); !slices.Equal(got, before) || len(tree(t, "base")) > 0 {
			t.Fatalf("after %d folders: %v, %v", n, got, tree(t, "base"))
		}
	}
}

// countdown ends a context when it is asked for the n-th time.
type countdown struct {
	context.Context
	n   int
	end func()
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		c.end()
	}
	return c.Context.Err()
}

func TestLayoutRefuses(t *testing.T) {
	layout := Layout{In: "in", Base: "base", Name: "input", Parts: 2}
	for name, c := range map[string]struct {
		prepare func(t *testing.T) Layout
		want    string
	}{
		"a link":              {func(t *testing.T) Layout { must(t, os.Symlink("a", "in/l")); return layout }, "l (a link)"},
		"a pipe":              {func(t *testing.T) Layout { must(t, syscall.Mkfifo("in/p", 0o600)); return layout }, "p (not a regular file)"},
		"a folder of another": {func(t *testing.T) Layout { write(t, "base/1/input", "mine"); return layout }, "base/1/input is there already"},
		"a file of another":   {func(t *testing.T) Layout { write(t, "base", "1"); return layout }, "base/1 is there already"},
		"itself":              {func(*testing.T) Layout { return Layout{In: "in", Base: "in", Name: "input", Parts: 2} }, "lies in"},
		"below itself":        {func(*testing.T) Layout { return Layout{In: "in", Base: "in/x/y", Name: "input", Parts: 2} }, "lies in"},
		"a path for a name":   {func(*testing.T) Layout { return Layout{In: "in", Base: "base", Name: "../x", Parts: 2} }, "--name"},
		"nothing":             {func(*testing.T) Layout { return Layout{In: "none", Base: "base", Name: "x", Parts: 2} }, "none: there is no such folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "in", "a", "b")
			l := c.prepare(t)
			before := tree(t, "base")
			if _, err := l.Make(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if got := tree(t, "base"); !slices.Equal(got, before) {
				t.Errorf("%v", got)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Files that have taken the place of others stay, and so does what the parts have.
func TestUndoKeepsOtherFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in", "a", "b", "c")
	l := Layout{In: "in", Base: "base", Name: "input", Parts: 1}
	if _, err := l.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, os.Remove("in/b"))
	must(t, os.WriteFile("in/b", []byte("another"), 0o644))
	write(t, "base/0", "output/a.out")
	write(t, "base/0/input", "new")
	u, err := Undo(t.Context(), "in", "base")
	if err != nil || u.Kept != 1 || u.Removed != 2 || u.Returned != 0 || u.First[0] != "base/0/input/b" {
		t.Errorf("%+v, %v", u, err)
	}
	if got := tree(t, "in"); !slices.Equal(got, []string{"a=a", "b=another", "c=c"}) {
		t.Error(got)
	}
	must(t, os.Remove("in/b"))
	if u, err := Undo(t.Context(), "in", "base"); err != nil || u.Returned != 1 {
		t.Errorf("again: %+v, %v", u, err)
	}
	if got := tree(t, "base"); !slices.Equal(got, []string{"0/input/new=new", "0/output/a.out=output/a.out"}) {
		t.Error(got)
	}
	if _, err := Undo(t.Context(), "in", "base"); err == nil || !strings.Contains(err.Error(), "no parts that this command made") {
		t.Errorf("a third time: %v", err)
	}
}

// What is in the way is named, links are not followed, and everything else comes back.
func TestUndoIsNotStoppedByWhatIsInTheWay(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in", "sub/s", "linked/l", "z")
	l := Layout{In: "in", Base: "base", Name: "input", Parts: 1}
	if _, err := l.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, os.RemoveAll("in/sub"))
	must(t, os.RemoveAll("in/linked"))
	write(t, "in", "sub")
	must(t, os.Mkdir("elsewhere", 0o755))
	must(t, os.Symlink("../elsewhere", "in/linked"))
	u, err := Undo(t.Context(), "in", "base")
	if err != nil || u.Kept != 2 || u.Removed != 1 || u.Returned != 0 || !slices.Contains(u.First, "base/0/input/sub/s") {
		t.Errorf("%+v, %v", u, err)
	}
	if got := tree(t, "elsewhere"); len(got) > 0 {
		t.Error(got)
	}
	if _, err := l.Make(t.Context()); err == nil || !strings.Contains(err.Error(), "base/0/input/") {
		t.Errorf("a layout over one that is half undone: %v", err)
	}
}

// A link in the place of a part that was moved away is not a part.
func TestUndoDoesNotFollowLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in", "a", "b")
	l := Layout{In: "in", Base: "base", Name: "input", Parts: 2}
	if _, err := l.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, "victim", "other")
	must(t, os.MkdirAll("victim/empty", 0o755))
	must(t, os.Rename("base/0/input", "moved"))
	must(t, os.Symlink("../../victim", "base/0/input"))
	must(t, os.Rename("base/1", "moved1"))
	must(t, os.Symlink("../moved1", "base/1"))
	u, err := Undo(t.Context(), "in", "base")
	if err != nil || u.Removed != 0 || u.Returned != 0 || u.Kept != 1 || u.First[0] != "base/1/input/b" {
		t.Errorf("%+v, %v", u, err)
	}
	for _, path := range []string{"victim/empty", "base/0/input", "base/1", "moved/a", "moved1/input/b", "victim/other"} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// A part that a run may read has all its files, wherever a command ended.
func TestPartsAreWhole(t *testing.T) {
	for n := 0; ; n++ {
		t.Chdir(t.TempDir())
		someFiles(t, "in")
		l := Layout{In: "in", Base: "base", Name: "input", Parts: 3}
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := l.Make(&countdown{Context: ctx, n: n, end: func() { cancel(errors.New("ended")) }})
		if err == nil {
			cancel(nil)
			break
		}
		for i := range l.Parts {
			if _, err := os.Lstat(l.Folder(i)); err == nil {
				t.Fatalf("after %d folders there is a part", n)
			}
		}
		m, err := readMark("base")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		if m.State != making {
			t.Fatalf("state %s", m.State)
		}
	}
	// A command that was killed between two parts goes on.
	t.Chdir(t.TempDir())
	someFiles(t, "in")
	before := tree(t, "in")
	l := Layout{In: "in", Base: "base", Name: "input", Parts: 3}
	if _, err := l.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := readMark("base")
	must(t, err)
	must(t, os.Rename(m.Folder(2), m.aside(2)))
	must(t, m.enter(placing))
	parts, err := l.Make(t.Context())
	if err != nil || len(parts) != 3 || parts[2].Items == 0 {
		t.Fatalf("%v, %v", parts, err)
	}
	// So does one that was killed while it took them back.
	must(t, os.Remove("base/0/input/.hidden"))
	must(t, m.enter(undoing))
	if parts, err := l.Make(t.Context()); err != nil || parts[0].Items == 0 {
		t.Fatalf("%v, %v", parts, err)
	}
	if got := tree(t, "in"); !slices.Equal(got, before) {
		t.Error(got)
	}
}
