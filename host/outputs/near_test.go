package outputs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mended looks for an output, changes it, and says that it is whole.
func mended(t *testing.T, j *Journal, root, rel string) {
	t.Helper()
	marks := j.Marks(rel)
	if len(marks) == 0 || !j.Noted() {
		t.Fatal("it is noted nowhere")
	}
	if err := Mend(marks); err != nil {
		t.Fatal(err)
	}
	if got := states(t, j, rel); got != "unfinished" {
		t.Errorf("an output that is what it was is %s", got)
	}
	write(t, filepath.Join(root, rel), "the whole of it")
	if err := Mend(marks); err != nil {
		t.Fatal(err)
	}
	if got := states(t, j, rel); got != "whole" {
		t.Errorf("it is %s when it is done", got)
	}
}

func TestARunThatStagesAsksToo(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/a", "half")
	orphan(t, root, nil, "a")
	j := journalOf(t, root, nil)
	j.ReadOnly()
	if got := states(t, j, "a", "b"); got != "unfinished whole" {
		t.Error(got)
	}
	mended(t, j, root, "a")
	finish(t, j)
	if isThere(root + "/.kagurazaka") {
		t.Error("the journal is still there, and has nothing to say")
	}
}

func TestAMarkIsOfWhatWasNotedThen(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/a", "half")
	orphan(t, root, nil, "a")
	j := journalOf(t, root, nil)
	j.ReadOnly()
	states(t, j, "a")
	marks := j.Marks("a")
	// Another run begins it as well, and dies.
	orphan(t, root, nil, "a")
	states(t, journalOf(t, root, nil), "a")
	write(t, root+"/a", "the whole of it")
	if err := Mend(marks); err != nil {
		t.Fatal(err)
	}
	if got := states(t, j, "a"); got != "unfinished" {
		t.Error(got)
	}
}

func TestJournalsAboveAndBelow(t *testing.T) {
	for name, c := range map[string]struct{ dead, root, noted, rel string }{
		"above":     {"", "x/y", "x/y/a", "a"},
		"far above": {"", "x/y/z", "x/y/z/b/a", "b/a"},
		"below":     {"x/y", "", "a", "x/y/a"},
		"far below": {"x/y", "", "z/a", "x/y/z/a"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			write(t, filepath.Join(top, c.root, c.rel), "half")
			orphan(t, filepath.Join(top, c.dead), nil, c.noted)
			j := journalOf(t, filepath.Join(top, c.root), nil)
			folder := []byte(filepath.Dir(c.rel))
			if noted, err := j.Look(folder); err != nil || !noted {
				t.Fatalf("%v, %v", noted, err)
			}
			if got := states(t, j, c.rel, filepath.Join(filepath.Dir(c.rel), "other")); got != "unfinished whole" {
				t.Fatal(got)
			}
			if unfinished, err := j.Unfinished(c.rel); err != nil || !unfinished {
				t.Errorf("%v, %v", unfinished, err)
			}
			mended(t, j, filepath.Join(top, c.root), c.rel)
			finish(t, j)
			if isThere(filepath.Join(top, c.dead, ".kagurazaka")) {
				t.Error("its journal is still there, and has nothing to say")
			}
		})
	}
}

// What somebody has put into the folder is neither read, written to nor removed.
func TestFilesThatAreNotOurs(t *testing.T) {
	root, own := t.TempDir(), t.TempDir()+"/own"
	journal := root + "/.kagurazaka/"
	write(t, own, "precious and longer than a record")
	for _, name := range []string{"page-notes", "probe-mine", "notes.txt", "page-0123456789abcdef-0-2"} {
		write(t, journal+name, "mine")
	}
	if err := os.Symlink(own, journal+"page-0123456789abcdef-0-1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(own, journal+"page-0123456789abcdef-0-3"); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * beatAge)
	if err := os.Chtimes(journal+"page-0123456789abcdef-0-2", old, old); err != nil {
		t.Fatal(err)
	}
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	p.Handed()
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	finish(t, j)
	names, err := os.ReadDir(journal)
	if err != nil || len(names) != 6 {
		t.Errorf("%v, %v", names, err)
	}

	for form, put := range map[string]func() error{
		"text":      func() error { return os.WriteFile(journal+"unfinished", []byte("what the user wrote there"), 0o600) },
		"hard link": func() error { return os.Link(own, journal+"unfinished") },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(journal + "unfinished")
		if _, err := journalOf(t, root, nil).Look(nil); err == nil {
			t.Errorf("%s: it was taken for ours", form)
		}
		if after, err := os.ReadFile(journal + "unfinished"); err != nil || string(after) != string(before) {
			t.Errorf("%s: %q, %v", form, after, err)
		}
		if err := os.Remove(journal + "unfinished"); err != nil {
			t.Fatal(err)
		}
	}
}

// What cannot be noted, and what was noted in a folder that somebody has removed, is unfinished all the same.
func TestWhatADeadWorkerHadBegunIsNeverWhole(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/a", "half")
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	note(t, p, "a")
	p.Handed()
	// A folder in its place stands for a disk that is full.
	if err := os.Mkdir(j.UnfinishedPath(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Ended(); err == nil {
		t.Error("it was noted")
	}
	if unfinished, err := j.Unfinished("a"); err != nil || !unfinished {
		t.Errorf("%v, %v", unfinished, err)
	}

	if err := os.RemoveAll(root + "/.kagurazaka"); err != nil {
		t.Fatal(err)
	}
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	if unfinished, err := j.Unfinished("a"); err != nil || !unfinished {
		t.Errorf("%v, %v", unfinished, err)
	}
	finish(t, j)
	if got := states(t, journalOf(t, root, nil), "a"); got != "unfinished" {
		t.Error(got)
	}
}
