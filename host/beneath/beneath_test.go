package beneath_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/beneath"
)

func root(t *testing.T, path string) *os.Root {
	t.Helper()
	r, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestOpenRefusesWhatIsNotAFolderOfOurs(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	must(os.Symlink("folder", filepath.Join(dir, "link-within")))
	must(os.Symlink(t.TempDir(), filepath.Join(dir, "link-outside")))
	must(os.Symlink("nothing", filepath.Join(dir, "dangling")))
	must(os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	must(os.Mkdir(filepath.Join(dir, "theirs"), 0o755))
	names := []string{"link-within", "link-outside", "dangling", "file"}
	if os.Geteuid() == 0 {
		must(os.Chown(filepath.Join(dir, "theirs"), 12345, 12345))
		names = append(names, "theirs")
	}
	parent := root(t, dir)
	for _, name := range names {
		var not *beneath.NotOursError
		if _, err := beneath.Open(parent, name); !errors.As(err, &not) {
			t.Errorf("Open %s: %v", name, err)
		}
		if _, err := beneath.Make(parent, name, 0o755); !errors.As(err, &not) {
			t.Errorf("Make %s: %v", name, err)
		}
	}
	for _, name := range []string{"folder", "new"} {
		opened, err := beneath.Make(parent, name, 0o700)
		must(err)
		must(opened.Close())
	}
}

func TestEmptyRemovesLinksAndNotWhereTheyLead(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	kept := filepath.Join(outside, "kept")
	for _, path := range []string{kept, filepath.Join(dir, "file"), filepath.Join(dir, "marker")} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "deep", "er"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"link", "deep/link", "deep/er/link"} {
		if err := os.Symlink(outside, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := root(t, dir)
	if err := beneath.Empty(r, "marker"); err != nil {
		t.Fatal(err)
	}
	names, err := beneath.Names(r)
	if err != nil || len(names) != 1 || names[0] != "marker" {
		t.Errorf("left: %v, %v", names, err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}

// A probe tells what the file system says of a file of this user, and leaves nothing.
func TestProbe(t *testing.T) {
	r := root(t, t.TempDir())
	info, err := beneath.Probe(r)
	if err != nil || !beneath.Owned(info) || !beneath.ProbeName.MatchString(info.Name()) {
		t.Errorf("%+v, %v", info, err)
	}
	if names, err := beneath.Names(r); err != nil || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}
