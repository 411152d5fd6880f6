package discover

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/trust"
)

// What is hashed of each kind of plugin, and what a pin makes its starts check.
func TestHashAndPin(t *testing.T) {
	dir := t.TempDir()
	opts := Options{CacheDir: filepath.Join(dir, "cache"), Python: "/bin/sh"}
	exe := write(t, filepath.Join(dir, "tool"), "#!/bin/sh\n", 0o755)
	task := write(t, filepath.Join(dir, "task.py"), "x = 1\n", 0o644)
	write(t, filepath.Join(dir, "listed", "plugin.yaml"), "command: [./run.sh]\n", 0o644)
	run := write(t, filepath.Join(dir, "listed", "run.sh"), "#!/bin/sh\necho\n", 0o755)
	write(t, filepath.Join(dir, "onpath", "plugin.yaml"), "command: [sh, x.sh]\n", 0o644)
	write(t, filepath.Join(dir, "mine", "go.mod"), "module example.com/mine\n\ngo 1.26\n", 0o644)
	write(t, filepath.Join(dir, "mine", "main.go"), "package main\n\nfunc main() {}\n", 0o644)
	file := func(path string) string {
		t.Helper()
		sum, err := trust.File(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	find := func(name string) *Plugin {
		t.Helper()
		p, err := Find(filepath.Join(dir, name), opts)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	built := find("mine").Command.Path
	tests := []struct {
		name     string
		kind     Kind
		sum, exe string
		env      string
	}{
		{"tool", Executable, file(exe), file(exe), ""},
		{"task.py", PythonFile, file(task), "", "KAGURAZAKA_TASK_SHA256=" + file(task)},
		{"listed", Folder, "", file(run), "PYTHONPYCACHEPREFIX=" + filepath.Join(dir, "cache", "pycache")},
		{"onpath", Folder, "", "", "PYTHONPYCACHEPREFIX=" + filepath.Join(dir, "cache", "pycache")},
		{"mine", GoPackage, file(built), file(built), ""},
	}
	for _, tt := range tests {
		p := find(tt.name)
		h, err := p.Hash()
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != tt.kind || h.Exe != tt.exe || tt.sum != "" && h.Sum != tt.sum || len(h.Sum) != 64 {
			t.Errorf("%s: kind %d, %+v", tt.name, p.Kind, h)
		}
		if sum, err := trust.ParseSum(h.Sum); err != nil || sum != h.Sum {
			t.Errorf("%s: %s, %v", tt.name, h.Sum, err)
		}
		p.Pin(h, opts)
		if p.Command.SHA256 != tt.exe || tt.env != "" && !slices.Contains(p.Command.Env, tt.env) {
			t.Errorf("%s is started by %+v", tt.name, p.Command)
		}
	}
}
