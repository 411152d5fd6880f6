package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

func TestExample(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a.txt"), filepath.Join(dir, "a.txt.upper")
	if err := os.WriteFile(in, []byte("hello world"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, outcome := range sdktest.Run(t, task, []string{"--first"}, sdktest.File(in, out)) {
		if outcome.Err != nil {
			t.Fatal(outcome.Err)
		}
	}
	text, err := os.ReadFile(out)
	if err != nil || string(text) != "Hello world" {
		t.Errorf("the output is %q (%v)", text, err)
	}
}
