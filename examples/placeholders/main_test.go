package main

import (
	"os"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

func TestNotes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.py", []byte("print()"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := sdktest.Run(t, sdk.Task[TestTask]{Template: &sdk.Template{HardShard: sdk.Placeholder, Input: sdk.Placeholder}},
		[]string{"--greeting", "The length of"},
		sdktest.Folder(dir+"/a.py", dir+"/out/a.py", map[string]string{"test": "test.txt"}),
		sdktest.Folder(dir+"/a.py", dir+"/out/b.py", map[string]string{"other": "other.txt"}))
	if text, err := os.ReadFile(dir + "/out/a.py/test.txt"); err != nil || string(text) != "The length of a.py is 7 bytes.\n" {
		t.Errorf("%q, %v", text, err)
	}
	if out[1].Err == nil || !strings.Contains(out[1].Err.Message, "no file with the id test") || out[1].Err.Retryable {
		t.Errorf("%+v", out[1])
	}
}
