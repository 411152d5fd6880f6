package outputs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// heldRun is a hold over a folder of outputs, as a node has one.
func heldRun(t *testing.T, o HoldOptions) (h *Hold, out string) {
	t.Helper()
	out = t.TempDir()
	s := NewStaging(filepath.Join(out, ".kagurazaka-staging"), Owner{Fleet: "f1"}, nil)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(out, ".kagurazaka-staging")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the staging folder is left: %v", err)
		}
	})
	return NewHold(s, o), out
}

func itemLine(out string, files ...string) string {
	var fields []string
	for i, f := range files {
		name := "output"
		if i > 0 {
			name = fmt.Sprintf("output_%d", i)
		}
		fields = append(fields, fmt.Sprintf(`%q:{"path":%q,"rel_dir":"x","file_name":%q}`, name, filepath.Join(out, f), filepath.Base(f)))
	}
	return `{"input":{"path":"in"},` + strings.Join(fields, ",") + `}`
}

// work writes what a worker would at the paths that it got.
func work(t *testing.T, b backbones.Block, texts ...string) {
	t.Helper()
	for i, line := range strings.Split(string(b.Payload), "\n") {
		o := outputsOf([]byte(line))
		paths := []string{o.Main}
		for _, other := range o.Others {
			paths = append(paths, other.Path)
		}
		for _, p := range paths {
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(texts[i]), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func aside(t *testing.T, h *Hold, first uint64, lines ...string) backbones.Block {
	t.Helper()
	b, err := h.Aside(backbones.Block{Count: len(lines), First: first, Payload: []byte(strings.Join(lines, "\n"))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == "" && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || string(got) != want {
		t.Errorf("%s: %q %v, want %q", path, got, err, want)
	}
}

// TestNothingIsInPlaceBeforeItsCommit: neither files nor folders.
func TestNothingIsInPlaceBeforeItsCommit(t *testing.T) {
	h, out := heldRun(t, HoldOptions{Last: []string{"output"}, Fresh: true})
	lines := []string{itemLine(out, "x/a.txt", "y/a.json"), itemLine(out, "x/b.txt"), `{"plain":1}`}
	b := aside(t, h, 7, lines...)
	if !strings.HasSuffix(string(b.Payload), lines[2]) || strings.Contains(string(b.Payload), out+"/x/") {
		t.Errorf("workers get %s", b.Payload)
	}
	if h.Text(7) != lines[0] || h.Has(9) {
		t.Errorf("%q is kept, %v", h.Text(7), h.Has(9))
	}
	work(t, backbones.Block{Payload: []byte(strings.Join(strings.Split(string(b.Payload), "\n")[:2], "\n"))}, "A", "B")
	wantFile(t, filepath.Join(out, "x/a.txt"), "")
	if c, err := h.Commit(7, false); err != nil || c != (Committed{}) {
		t.Error(c, err)
	}
	wantFile(t, filepath.Join(out, "x/a.txt"), "A")
	wantFile(t, filepath.Join(out, "y/a.json"), "A")
	h.Drop(8)
	if h.Has(7) || h.Has(8) {
		t.Error("items are kept after their end")
	}
	wantFile(t, filepath.Join(out, "x/b.txt"), "")
}

// TestACommitLeavesWhatAppeared: unless it was granted before, to a node that is lost, or is unfinished.
func TestACommitLeavesWhatAppeared(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		fresh, again, unfinished bool
		want                     string
	}{
		{"appeared", true, false, false, "other"},
		{"granted again", true, true, false, "mine"},
		{"unfinished", true, false, true, "mine"},
		{"it may have been there", false, false, false, "mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, out := heldRun(t, HoldOptions{Last: []string{"output"}, Fresh: tt.fresh, Unfinished: func(string) bool { return tt.unfinished }})
			b := aside(t, h, 1, itemLine(out, "a.txt"))
			work(t, b, "mine")
			path := filepath.Join(out, "a.txt")
			if err := os.WriteFile(path, []byte("other"), 0o644); err != nil {
				t.Fatal(err)
			}
			c, err := h.Commit(1, tt.again)
			if err != nil || (c.Appeared == path) != (tt.want == "other") {
				t.Error(c, err)
			}
			wantFile(t, path, tt.want)
		})
	}
}

// TestAFolderIsCommittedFileByFile: into one that exists, the finish check's file last.
func TestAFolderIsCommittedFileByFile(t *testing.T) {
	h, out := heldRun(t, HoldOptions{Folder: true, Last: []string{"output_1"}, Fresh: true})
	if err := os.MkdirAll(filepath.Join(out, "d/item"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := aside(t, h, 3, itemLine(out, "d/item", "d/item/done.txt"))
	o := outputsOf(b.Payload)
	if filepath.Dir(o.Others[0].Path) != o.Main {
		t.Fatalf("%+v", o)
	}
	for _, name := range []string{"done.txt", "more.txt"} {
		if err := errors.Join(os.MkdirAll(o.Main, 0o755), os.WriteFile(filepath.Join(o.Main, name), []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := h.Commit(3, false); err != nil || c != (Committed{}) {
		t.Error(c, err)
	}
	wantFile(t, filepath.Join(out, "d/item/done.txt"), "x")
	wantFile(t, filepath.Join(out, "d/item/more.txt"), "x")
}

// TestACommitTellsOfAMissingOutput, with the final paths.
func TestACommitTellsOfAMissingOutput(t *testing.T) {
	h, out := heldRun(t, HoldOptions{Last: []string{"output"}})
	aside(t, h, 1, itemLine(out, "a.txt"))
	if c, err := h.Commit(1, false); err != nil || c.Expected != filepath.Join(out, "a.txt") {
		t.Error(c, err)
	}
}

// TestTheEndOfAFleetRemovesTheFoldersOfItsLostNodes: of any machine, and of no other run.
func TestTheEndOfAFleetRemovesTheFoldersOfItsLostNodes(t *testing.T) {
	out := t.TempDir()
	root := filepath.Join(out, ".kagurazaka-staging")
	for _, o := range []Owner{{Host: "far", PID: 1, Fleet: "f1"}, {Host: "far", PID: 2, Fleet: "f2"}} {
		s := NewStaging(root, o, nil)
		if _, err := s.Worker(0); err != nil {
			t.Fatal(err)
		}
		s.letGo()
	}
	s := NewStaging(root, Owner{Host: "here", Fleet: "f1"}, nil)
	path, owner, err := s.Mark()
	if err != nil || !Sees(path, owner) || Sees(path, Owner{Fleet: "f2"}) {
		t.Errorf("%s, %v", path, err)
	}
	s.EndFleet()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(root)
	if err != nil || len(left) != 1 || !strings.HasPrefix(left[0].Name(), "far-2-") {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestACommitClearsWhatAnEarlierOneLeft where the files of an item belong together.
func TestACommitClearsWhatAnEarlierOneLeft(t *testing.T) {
	for _, clears := range []bool{false, true} {
		h, out := heldRun(t, HoldOptions{Last: []string{"output"}, Fresh: true, Clears: clears})
		earlier := filepath.Join(out, "x", "a.json")
		if err := errors.Join(os.MkdirAll(filepath.Dir(earlier), 0o755), os.WriteFile(earlier, []byte("earlier"), 0o644)); err != nil {
			t.Fatal(err)
		}
		b := aside(t, h, 1, itemLine(out, "x/a.txt", "x/a.json"))
		staged := outputsOf(b.Payload).Main
		if err := errors.Join(os.MkdirAll(filepath.Dir(staged), 0o755), os.WriteFile(staged, []byte("A"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if c, err := h.Commit(1, false); err != nil || c != (Committed{}) {
			t.Error(c, err)
		}
		wantFile(t, filepath.Join(out, "x/a.txt"), "A")
		wantFile(t, earlier, map[bool]string{false: "earlier", true: ""}[clears])
	}
}

// TestARemovedStagingFolderIsMadeAgain: with its lock, for the next items. Those whose outputs were removed fail.
func TestARemovedStagingFolderIsMadeAgain(t *testing.T) {
	h, out := heldRun(t, HoldOptions{Makes: true})
	work(t, aside(t, h, 1, itemLine(out, "a")), "a")
	if err := os.RemoveAll(filepath.Join(out, ".kagurazaka-staging")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Commit(1, false); err == nil {
		t.Error("an item whose outputs were removed counts as done")
	}
	work(t, aside(t, h, 2, itemLine(out, "b"), itemLine(out, "c")), "b", "c")
	if locks, _ := filepath.Glob(filepath.Join(out, ".kagurazaka-staging", "*", lockName)); len(locks) != 1 {
		t.Errorf("the folder's locks are %v", locks)
	}
	for _, n := range []uint64{2, 3} {
		if c, err := h.Commit(n, false); err != nil || c.Expected != "" {
			t.Errorf("item %d: %v %v", n, c, err)
		}
	}
	wantFile(t, filepath.Join(out, "a"), "")
	wantFile(t, filepath.Join(out, "b"), "b")
	wantFile(t, filepath.Join(out, "c"), "c")
}
