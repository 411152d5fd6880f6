package discover

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("KAGURAZAKA_PLUGIN_PATH", ":relative:"+filepath.Join(dir, "installed"))
	exe := write(t, filepath.Join(dir, "tool"), "#!/bin/sh\n", 0o755)
	named := write(t, filepath.Join(dir, "named", "named"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "listed", "plugin.yaml"), "command: [./run.sh, --dir, '{dir}']\nenv: {PLACE: '{dir}/x'}\n", 0o644)
	run := write(t, filepath.Join(dir, "listed", "run.sh"), "#!/bin/sh\n", 0o755)
	installed := write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-shrink"), "#!/bin/sh\n", 0o755)
	whole := write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-whole", "run.sh"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-whole", "plugin.yaml"), "command: [./run.sh]\n", 0o644)
	hollow := write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-hollow"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "hollow", "readme"), "x", 0o644)
	grow := write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-grow"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "grow"), "#!/bin/sh\n", 0o755)
	// What the empty and the relative entry of the search path would lead to.
	for _, name := range []string{"shrink", "evil"} {
		write(t, filepath.Join(dir, "kagurazaka-plugin-"+name), "#!/bin/sh\n", 0o755)
		write(t, filepath.Join(dir, "relative", "kagurazaka-plugin-"+name), "#!/bin/sh\n", 0o755)
	}
	write(t, filepath.Join(dir, "tool.py"), "", 0o644)
	interpreter := write(t, filepath.Join(dir, "python"), "#!/bin/sh\n", 0o755)
	t.Setenv("KAGURAZAKA_PYTHON", interpreter)
	sdk, err := unpackSDK(filepath.Join(dir, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		arg, path string
		args, env []string
	}{
		{"./tool", exe, nil, nil},
		{"tool.py", interpreter, []string{filepath.Join(sdk, "kagurazaka_serve.py"), filepath.Join(dir, "tool.py")}, []string{"PYTHONPATH=" + sdk, "PYTHONUNBUFFERED=1"}},
		{exe, exe, nil, nil},
		{"named", named, nil, nil},
		{"named/", named, nil, nil},
		{"./listed", run, []string{"--dir", filepath.Join(dir, "listed")}, []string{"PLACE=" + filepath.Join(dir, "listed", "x")}},
		{"shrink", installed, nil, nil},
		{"whole", whole, nil, nil},
		// A folder here that holds no plugin is none, and neither is a program of that name.
		{"hollow", hollow, nil, nil},
		{"grow", grow, nil, nil},
	}
	for _, tt := range tests {
		p, err := Find(tt.arg, Options{CacheDir: filepath.Join(dir, "cache")})
		if err != nil {
			t.Errorf("%s: %v", tt.arg, err)
			continue
		}
		if p.Command.Path != tt.path || strings.Join(p.Command.Args, " ") != strings.Join(tt.args, " ") || strings.Join(p.Command.Env, " ") != strings.Join(tt.env, " ") {
			t.Errorf("%s: %+v", tt.arg, p.Command)
		}
		if p.Command.Name != tt.arg {
			t.Errorf("%s is called %s in messages", tt.arg, p.Command.Name)
		}
	}
}

// An empty or relative entry of PATH does not make programs of the working folder found, nor hide those behind it.
func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	good := write(t, filepath.Join(dir, "bin", "tool"), "#!/bin/sh\n", 0o755)
	for _, evil := range []string{"tool", "sub/tool", "only"} {
		write(t, filepath.Join(dir, evil), "#!/bin/sh\n", 0o755)
	}
	t.Setenv("PATH", strings.Join([]string{"", "sub", ".", filepath.Join(dir, "bin"), ""}, ":"))
	if got, err := LookPath("tool"); got != good || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := LookPath("only"); err == nil {
		t.Errorf("%s was found", got)
	}
	if got, err := LookPath("./only"); got == "" || err != nil {
		t.Errorf("a path is a path: %v", err)
	}
}

func TestModulePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	path, beside, err := modulePath("/sdk", ":/a:.:src::/b:")
	if want := dir + ":" + filepath.Join(dir, "src"); path != "/sdk:/a:/b" || beside != want || err != nil {
		t.Errorf("got %s and %s, %v", path, beside, err)
	}
}

func TestExists(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("KAGURAZAKA_PLUGIN_PATH", filepath.Join(dir, "installed"))
	write(t, filepath.Join(dir, "tool"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "task.py"), "", 0o644)
	write(t, filepath.Join(dir, "hollow", "readme"), "x", 0o644)
	write(t, filepath.Join(dir, "go", "main.go"), "package main\n", 0o644)
	write(t, filepath.Join(dir, "listed", "plugin.yaml"), "command: [x]\n", 0o644)
	write(t, filepath.Join(dir, "installed", "kagurazaka-plugin-shrink"), "#!/bin/sh\n", 0o755)
	for arg, want := range map[string]bool{
		"": false, "tool": false, "./tool": true, "task.py": true, "gone.py": false, "hollow": false, "./hollow": false, "go": true,
		"./listed": true, "listed": true, "shrink": true, "nothing": false,
	} {
		if got := Exists(arg); got != want {
			t.Errorf("%q: %v", arg, got)
		}
	}
}

// What waits for a writer is not read.
func TestNamedPipes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"listed/plugin.yaml", "sources/main.go"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Find("./"+filepath.Dir(path), Options{}); err == nil {
			t.Errorf("%s was taken for a plugin", path)
		}
	}
}

func TestNotFoundSaysWhatWasTried(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, filepath.Join(dir, "text"), "x", 0o644)
	write(t, filepath.Join(dir, "runs"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "hollow", "readme"), "x", 0o644)
	write(t, filepath.Join(dir, "noexec", "noexec"), "x", 0o644)
	write(t, filepath.Join(dir, "wrong", "plugin.yaml"), "comand: [x]\n", 0o644)
	write(t, filepath.Join(dir, "void", "plugin.yaml"), "env: {}\n", 0o644)
	tests := []struct {
		arg  string
		want []string
	}{
		{"./gone/plugin", []string{"no such file", "text"}},
		{"runs", []string{"no installed plugin", "write ./runs"}},
		{"hollow", []string{"holds no plugin, and there is no installed plugin"}},
		{"nothing", []string{"kagurazaka-plugin-nothing", "KAGURAZAKA_PLUGIN_PATH", "PATH"}},
		{"./text", []string{"not executable", "chmod +x"}},
		{"./hollow", []string{"holds no plugin", "plugin.yaml", "Go main package"}},
		{"./noexec", []string{"there, but not executable"}},
		{"./wrong", []string{"plugin.yaml", "comand"}},
		{"./void", []string{"the command is missing"}},
		{"", []string{"empty"}},
	}
	for _, tt := range tests {
		_, err := Find(tt.arg, Options{})
		if err == nil {
			t.Errorf("%q was found", tt.arg)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v\nlacks %q", tt.arg, err, want)
			}
		}
	}
}

func TestGoPackageIsBuiltOncePerContent(t *testing.T) {
	dir := t.TempDir()
	opts := Options{CacheDir: filepath.Join(dir, "cache")}
	pkg := filepath.Join(dir, "mine")
	write(t, filepath.Join(pkg, "go.mod"), "module example.com/mine\n\ngo 1.26\n", 0o644)
	source := write(t, filepath.Join(pkg, "main.go"), "package main\n\nfunc main() { println(1) }\n", 0o644)
	build := func() os.FileInfo {
		t.Helper()
		p, err := Find(pkg, opts)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(p.Command.Path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := build()
	if again := build(); !os.SameFile(first, again) {
		t.Error("it was built again without a change")
	}
	// The same content with a new time is no change.
	now := first.ModTime().Add(1e9)
	if err := os.Chtimes(source, now, now); err != nil {
		t.Fatal(err)
	}
	if again := build(); !os.SameFile(first, again) {
		t.Error("it was built again for a new time alone")
	}
	write(t, filepath.Join(pkg, "more.go"), "package main\n\nvar more = 1\n", 0o644)
	second := build()
	if os.SameFile(first, second) {
		t.Error("a new file of the package was overlooked")
	}
	write(t, source, "package main\n\nfunc main() { println(2) }\n", 0o644)
	if third := build(); os.SameFile(second, third) {
		t.Error("a change of the same size was overlooked")
	}
	write(t, source, "package main\n\nfunc main() { broken }\n", 0o644)
	if _, err := Find(pkg, opts); err == nil || !strings.Contains(err.Error(), "main.go:3") {
		t.Errorf("a package that does not compile: %v", err)
	}
}

func TestInterpreter(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("KAGURAZAKA_PYTHON", "")
	file := write(t, filepath.Join(dir, "project", "tasks", "task.py"), "", 0o644)
	near := write(t, filepath.Join(dir, "project", ".venv", "bin", "python3"), "#!/bin/sh\n", 0o755)
	active := write(t, filepath.Join(dir, "active", "bin", "python3"), "#!/bin/sh\n", 0o755)
	flag := write(t, filepath.Join(dir, "flag-python"), "#!/bin/sh\n", 0o755)
	check := func(flag, want, from string) {
		t.Helper()
		got, why, err := findInterpreter(file, flag)
		if err != nil || got != want || !strings.Contains(why, from) {
			t.Errorf("%s from %s (%v), want %s from %s", got, why, err, want, from)
		}
	}
	check("", near, ".venv")
	t.Setenv("VIRTUAL_ENV", filepath.Join(dir, "active"))
	check("", active, "VIRTUAL_ENV")
	check(flag, flag, "--python")
	if _, _, err := findInterpreter(file, filepath.Join(dir, "nowhere")); err == nil {
		t.Error("an interpreter that is not there was taken")
	}
}

func TestUnpackedSDKIsNamedByItsContent(t *testing.T) {
	cache := t.TempDir()
	dir, err := unpackSDK(cache)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kagurazaka", "serve.py")); err != nil {
		t.Error(err)
	}
	again, err := unpackSDK(cache)
	if err != nil || again != dir {
		t.Errorf("second time %s, %v", again, err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "python", "new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
