package outputs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/beneath"
)

func TestStagingCleansUpAfterItselfAndAfterTheDead(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out", ".staging")
	first := NewStaging(root, Owner{}, nil)
	if _, err := os.Stat(filepath.Dir(root)); err == nil {
		t.Fatal("staging was made before a worker needed it")
	}
	dir, err := first.Worker(3)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half")
	if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}

	// Another run lets the living one alone.
	second := NewStaging(root, Owner{}, nil)
	if _, err := second.Worker(0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Fatalf("a living run's staging was taken: %v", err)
	}

	// A replacement of a dead worker finds an empty folder.
	if again, err := first.Worker(3); err != nil || again != dir {
		t.Fatalf("worker 3 again: %s, %v", again, err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Fatal("what a dead worker left is still there")
	}

	// A host that dies gives up its lock and nothing else.
	if err := first.lock.Close(); err != nil {
		t.Fatal(err)
	}
	third := NewStaging(root, Owner{}, nil)
	if _, err := third.Worker(0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, first.name)); err == nil {
		t.Fatal("a dead run's staging is still there")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil {
		t.Fatal("the root went while a run used it")
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Fatal("the empty root is still there")
	}
}

// A link in the place of the staging folder is neither written through nor cleaned through.
func TestStagingIsNoLink(t *testing.T) {
	theirs, out := t.TempDir(), t.TempDir()
	root := filepath.Join(out, ".staging")
	// What a dead run of this machine leaves, as far as names go.
	for _, dir := range []string{leave(t, theirs, "photos", "", time.Hour), leave(t, theirs, "here-1-0123abcd", "here", time.Hour)} {
		if err := os.WriteFile(filepath.Join(dir, "w0", "picture"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, theirs)
	if err := os.Symlink(theirs, root); err != nil {
		t.Fatal(err)
	}
	s := NewStaging(root, Owner{Host: "here"}, nil)
	var not *beneath.NotOursError
	if _, err := s.Worker(0); !errors.As(err, &not) {
		t.Errorf("a worker got a folder through a link: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, theirs)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Readlink(root); err != nil {
		t.Error(err)
	}
}

// tree are the paths below a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// Outputs and staging that somebody removes are made again for the next worker.
func TestStagingThatIsRemovedIsMadeAgain(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	s := NewStaging(filepath.Join(out, ".staging"), Owner{Host: "here"}, nil)
	for range 2 {
		dir, err := s.Worker(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a worker was copying to another file system when it died goes away, and nothing else does by the same way.
func TestCopiesOfTheDeadGo(t *testing.T) {
	out, elsewhere := t.TempDir(), t.TempDir()
	root := filepath.Join(out, ".staging")
	ours := []string{filepath.Join(elsewhere, ".kagurazaka-0123456789abcdef.part"), filepath.Join(elsewhere, ".kagurazaka-0123456789abcdee.part")}
	theirs := []string{
		filepath.Join(elsewhere, "photos"), filepath.Join(elsewhere, ".kagurazaka-0123456789abcde.part"),
		filepath.Join(elsewhere, ".kagurazaka-0123456789abcdeX.part"),
	}
	if err := os.MkdirAll(filepath.Join(ours[0], "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(theirs, ours[1]) {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(dir, target string) {
		t.Helper()
		if err := os.Symlink(target, dir); err != nil {
			t.Fatal(err)
		}
	}
	dead := leave(t, root, "here-1-0123abcd", "here", time.Second)
	for i, path := range append(theirs, ours[0]) {
		link(filepath.Join(dead, "w"+strconv.Itoa(i)+".part"), path)
	}
	s := NewStaging(root, Owner{Host: "here"}, nil)
	dir, err := s.Worker(0)
	if err != nil {
		t.Fatal(err)
	}
	// Of a worker of this run that died.
	link(dir+".part", ours[1])
	if _, err := s.Worker(0); err != nil {
		t.Fatal(err)
	}
	for _, path := range ours {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range theirs {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
