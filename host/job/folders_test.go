package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

func TestANodeLooksForTheInputs(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.MkdirAll(filepath.Join(in, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen := lookAt(in)
	if len(seen.Entries) != 3 || seen.seen() != nil {
		t.Fatalf("%+v, %v", seen, seen.seen())
	}
	// A task may move its inputs.
	if err := os.Remove(filepath.Join(in, "a")); err != nil || seen.seen() != nil {
		t.Errorf("%v, %v", err, seen.seen())
	}
	if err := os.RemoveAll(filepath.Join(in, "sub")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "b"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := seen.seen(); err == nil || !strings.Contains(err.Error(), "is another one on this machine") {
		t.Error(err)
	}
	if err := lookAt(filepath.Join(in, "nothing")).seen(); err == nil || !strings.Contains(err.Error(), "does not see the run's input folder") {
		t.Error(err)
	}
	f := folders{Inputs: []inputFolder{seen}}
	if err := f.check(t.Context()); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "hint: mount the coordinator's folder there") {
		t.Error(err)
	}
	if err := (folders{}).check(t.Context()); err != nil {
		t.Error(err)
	}
}
