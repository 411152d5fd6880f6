package discover

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		"", "command: [./run.sh, --dir, '{dir}']\nenv: {PLACE: '{dir}/x', N: 5}\n", "comand: [x]", "command: []", "command: x", "command: [[x]]", "env: {A=B: c, '': d}", "command: [\"\\0\"]",
		"command: &a [x, *a]", "command: [sh]\ncommand: [sh]", "- a", "command: [sh]\n---\n", "command: [~, !!binary eA==]", "command: ['']", "? [a]\n: b", "env:\n", "command: [/../{dir}/x]", "<<: {command: [sh]}",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	path := filepath.Join(dir, manifestName)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, problems := readManifest(path, data)
		for _, p := range problems {
			if !strings.HasPrefix(p.Source, path) || p.Message == "" {
				t.Errorf("%+v", p)
			}
		}
		if len(problems) == 0 && (len(m.Command) == 0 || m.Command[0] == "") {
			t.Errorf("%q names no command, and nothing was said", data)
		}
		found, err := fromManifest("it", dir, path, data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if !filepath.IsAbs(found.Command.Path) || len(found.Command.Args) != len(m.Command)-1 || len(found.Command.Env) != len(m.Env) {
			t.Errorf("%q: %+v", data, found.Command)
		}
		for _, entry := range found.Command.Env {
			if strings.IndexByte(entry, '=') < 1 || strings.ContainsRune(entry, 0) {
				t.Errorf("%q: the variable %q", data, entry)
			}
		}
	})
}

func TestManifestProblemsAllAtOnce(t *testing.T) {
	_, problems := readManifest("plugin.yaml", []byte("comand: [x]\ncommand: [\"\", {a: b}]\nenv:\n  A: [1]\n  B=C: d\n  E: 1\n  E: 2\n"))
	var said []string
	for _, p := range problems {
		said = append(said, p.String())
	}
	for i, want := range []string{"plugin.yaml:1: comand", "plugin.yaml:2: command.0", "plugin.yaml:2: command.1", "plugin.yaml:4: env.A", "plugin.yaml:5: env.B=C", "plugin.yaml:7: env.E"} {
		if i >= len(said) || !strings.HasPrefix(said[i], want) {
			t.Fatalf("%s\nlacks %s", strings.Join(said, "\n"), want)
		}
	}
}
