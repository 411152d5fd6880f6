package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCreateRemovesWhatDeadProcessesLeft: only files whose writer is gone go.
func TestCreateRemovesWhatDeadProcessesLeft(t *testing.T) {
	dir := t.TempDir()
	first, err := Create(filepath.Join(dir, "first"))
	if err != nil {
		t.Fatal(err)
	}
	others := []string{".new-1", ".new-locked-x", ".new-locked-"}
	for _, name := range append(others, ".new-locked-1", ".new-locked-22") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second, err := Create(filepath.Join(dir, "second"))
	if err != nil {
		t.Fatal(err)
	}
	third, err := Create(filepath.Join(dir, "third"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Stream{first, second} {
		if err := s.Commit(); err != nil {
			t.Error(err)
		}
	}
	third.Abort()
	want := map[string]bool{"first": true, "second": true}
	for _, name := range others {
		want[name] = true
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if !want[e.Name()] {
			t.Errorf("%s is left", e.Name())
		}
		delete(want, e.Name())
	}
	if len(want) > 0 {
		t.Errorf("gone: %v", want)
	}
}
