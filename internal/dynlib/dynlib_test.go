package dynlib

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const env = "KAGURAZAKA_NOTHING"

func TestLoadSaysWhereItLooked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir) // where macOS has its cache
	cache, err := CacheDir()
	if err != nil || !strings.HasPrefix(cache, dir) || filepath.Base(cache) != "lib" {
		t.Fatalf("the cache is %s, %v", cache, err)
	}
	_, err = Load("libnothing", env, "libnothing.so.2", "libnothing.so.1")
	for _, want := range []string{"loading libnothing", "libnothing.so.2", "libnothing.so.1", filepath.Join(cache, "libnothing.so.1")} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(env, text)
	_, err = Load("libnothing", env, "libnothing.so.2")
	if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), env) || strings.Contains(err.Error(), "libnothing.so.2") {
		t.Errorf("error %v", err)
	}
}
