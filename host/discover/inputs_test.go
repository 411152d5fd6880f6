package discover

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// stateOf is an input as it is now.
func stateOf(t *testing.T, kind plugin.InputKind, name string) plugin.Input {
	t.Helper()
	state, known := pathState(kind, cmp.Or(name, "."))
	if !known {
		t.Fatalf("kind %d is not known", kind)
	}
	return plugin.Input{Kind: kind, Name: name, State: state}
}

func TestInputsAreComparedWithWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		what   string
		kind   plugin.InputKind
		name   string
		before func(t *testing.T)
		change func(t *testing.T)
		same   bool
	}{
		{"a file is written", plugin.FileInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) { write(t, "a", "xy", 0o644) }, false},
		{"a file is read", plugin.FileInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) { _, err := os.ReadFile("a"); check(t, err) }, true},
		{"a file of that size takes its place", plugin.FileInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) {
			write(t, "b", "y", 0o644)
			check(t, os.Rename("b", "a"))
		}, false},
		{"a file goes", plugin.FileInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) { check(t, os.Remove("a")) }, false},
		{"a file comes", plugin.FileInput, "a", func(*testing.T) {}, func(t *testing.T) { write(t, "a", "x", 0o644) }, false},
		{"presence: the content changes", plugin.PresenceInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) { write(t, "a", "xy", 0o644) }, true},
		{"presence: something comes", plugin.PresenceInput, "a", func(*testing.T) {}, func(t *testing.T) { write(t, "a", "x", 0o644) }, false},
		{"presence: a folder takes a file's place", plugin.PresenceInput, "a", func(t *testing.T) { write(t, "a", "x", 0o644) }, func(t *testing.T) {
			check(t, os.Remove("a"))
			check(t, os.Mkdir("a", 0o755))
		}, false},
		{"folder: a name comes", plugin.FolderInput, "d", func(t *testing.T) { write(t, "d/x", "", 0o644) }, func(t *testing.T) { write(t, "d/y", "", 0o644) }, false},
		{"folder: a file changes", plugin.FolderInput, "d", func(t *testing.T) { write(t, "d/x", "", 0o644) }, func(t *testing.T) { write(t, "d/x", "more", 0o644) }, true},
		{"folder: it goes", plugin.FolderInput, "d", func(t *testing.T) { write(t, "d/x", "", 0o644) }, func(t *testing.T) { check(t, os.RemoveAll("d")) }, false},
		{"real path: a link leads elsewhere", plugin.RealPathInput, "l", func(t *testing.T) {
			write(t, "d/x", "", 0o644)
			write(t, "e/x", "", 0o644)
			check(t, os.Symlink("d", "l"))
		}, func(t *testing.T) {
			check(t, os.Remove("l"))
			check(t, os.Symlink("e", "l"))
		}, false},
		{"real path: the working folder", plugin.RealPathInput, "", func(t *testing.T) { check(t, os.Mkdir("d", 0o755)) }, func(t *testing.T) { t.Chdir("d") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			t.Chdir(t.TempDir())
			tt.before(t)
			in := []plugin.Input{stateOf(t, tt.kind, tt.name)}
			if !unchanged(in, plugin.Command{}) {
				t.Fatal("it counts as changed at once")
			}
			tt.change(t)
			if unchanged(in, plugin.Command{}) != tt.same {
				t.Errorf("unchanged: %v", !tt.same)
			}
		})
	}
	if unchanged([]plugin.Input{{Kind: 99}}, plugin.Command{}) {
		t.Error("an input of an unknown kind counts as unchanged")
	}
}

func TestVariablesAreThoseOfThePlugin(t *testing.T) {
	t.Setenv("KG_TEST", "here")
	in := func(state string) []plugin.Input {
		return []plugin.Input{{Kind: plugin.VariableInput, Name: "KG_TEST", State: state}}
	}
	tests := []struct {
		what    string
		command plugin.Command
		state   string
	}{
		{"the host's", plugin.Command{}, hash("here")},
		{"--env", plugin.Command{Env: []string{"KG_TEST=given"}}, hash("given")},
		{"the last --env", plugin.Command{Env: []string{"KG_TEST=given", "KG_TEST="}}, hash("")},
		{"--clean-env", plugin.Command{CleanEnv: true}, ""},
	}
	for _, tt := range tests {
		if !unchanged(in(tt.state), tt.command) {
			t.Errorf("%s: it counts as changed", tt.what)
		}
		if unchanged(in(hash("other")), tt.command) {
			t.Errorf("%s: another value counts as unchanged", tt.what)
		}
	}
	if !unchanged([]plugin.Input{{Kind: plugin.VariableInput, Name: "OMP_NUM_THREADS", State: hash("1")}}, plugin.Command{CleanEnv: true}) && os.Getenv("OMP_NUM_THREADS") == "" {
		t.Error("what the host sets for workers is not seen")
	}
}

func TestWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	script := write(t, filepath.Join(dir, "script"), "#!/bin/sh\n", 0o755)
	program := write(t, filepath.Join(dir, "program"), "\x7fELF...", 0o755)
	source := write(t, filepath.Join(dir, "source"), "x", 0o644)
	later := time.Now().Add(time.Hour)
	tests := []struct {
		what  string
		p     Plugin
		basis plugin.Basis
		began time.Time
		kept  bool
	}{
		{"a compiled program that says nothing", Plugin{Files: []string{program}, Command: plugin.Command{Path: program}}, plugin.Basis{}, later, true},
		{"a script that says nothing", Plugin{Files: []string{script}, Command: plugin.Command{Path: script}}, plugin.Basis{}, later, false},
		{"a task file that says nothing", Plugin{Files: []string{script}, Command: plugin.Command{Path: program}, Kind: PythonFile}, plugin.Basis{}, later, false},
		{"an interpreter that says nothing", Plugin{Command: plugin.Command{Path: program}, Kind: Folder}, plugin.Basis{}, later, false},
		{"a program of a folder", Plugin{Command: plugin.Command{Path: program}, Kind: Folder, listed: program}, plugin.Basis{}, later, true},
		{"a script that knows", Plugin{Files: []string{script}}, plugin.Basis{Validity: plugin.Recorded, Sources: []string{source}}, later, true},
		{"a program that says once", Plugin{Command: plugin.Command{Path: program}}, plugin.Basis{Validity: plugin.Once, OnceBecause: "the clock"}, later, false},
		{"a source that has just changed", Plugin{Files: nil}, plugin.Basis{Validity: plugin.Recorded, Sources: []string{source}}, time.Now(), false},
		{"an input that has just changed", Plugin{Files: nil}, plugin.Basis{Validity: plugin.Recorded, Inputs: []plugin.Input{{Kind: plugin.FileInput, Name: source}}}, time.Now(), false},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "d", "kept.json")
		why := writeCached(path, &tt.p, tt.basis, &schema.Plugin{Name: "p"}, tt.began)
		if (why == "") != tt.kept || (readCached(path, &tt.p) != nil) != tt.kept {
			t.Errorf("%s: kept %v, reason %q", tt.what, !tt.kept, why)
		}
	}
}

func FuzzKept(f *testing.F) {
	valid, err := json.Marshal(cached{Plugin: &schema.Plugin{Name: "p"}, Inputs: []plugin.Input{{Kind: plugin.VariableInput, Name: "A"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte(`{"identity":"","plugin":{"Tasks":[{}]},"inputs":[{"kind":-1,"name":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "kept.json")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		readCached(path, &Plugin{Files: []string{path}})
	})
}

func TestDescribeAsksAProcessWhereNothingIsKept(t *testing.T) {
	dir := t.TempDir()
	none := write(t, filepath.Join(dir, "none"), "#!/bin/sh\nexit 3\n", 0o755)
	p := &Plugin{Command: plugin.Command{Name: "none", Path: none}, Files: []string{none}}
	opts := Options{CacheDir: filepath.Join(dir, "cache")}
	start := plugin.StartOptions{Log: hclog.NewNullLogger()}
	if _, err := Describe(context.Background(), p, Request{Version: "v"}, opts, start); err == nil {
		t.Fatal("a plugin that cannot be started was described")
	}
	path := cachePath(p, Request{Version: "v"}, opts, false)
	basis := plugin.Basis{Validity: plugin.Recorded}
	if why := writeCached(path, p, basis, &schema.Plugin{Name: "kept"}, time.Now().Add(time.Hour)); why != "" {
		t.Fatal(why)
	}
	found, err := Describe(context.Background(), p, Request{Version: "v"}, opts, start)
	if err != nil || !found.Cached || found.Plugin.Name != "kept" {
		t.Fatalf("%+v %v", found, err)
	}
	if _, err := Describe(context.Background(), p, Request{Version: "v", Fresh: true}, opts, start); err == nil {
		t.Error("a fresh description came from the cache")
	}
}
