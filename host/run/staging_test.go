package run

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStagingCleansUpAfterItselfAndAfterTheDead(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out", ".staging")
	first, err := NewStaging(root, Owner{}, nil)
	if err != nil {
		t.Fatal(err)
	}
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
	second, err := NewStaging(root, Owner{}, nil)
	if err != nil {
		t.Fatal(err)
	}
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
	third, err := NewStaging(root, Owner{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := third.Worker(0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.dir); err == nil {
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
