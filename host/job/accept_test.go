package job

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheNameOfAPluginThatIsSent(t *testing.T) {
	for given, want := range map[string]string{
		"resize": "resize", "task.py": "task.py", "my plugin": "my plugin", "": "plugin", ".": "plugin", "..": "plugin", "../x": "plugin", "/bin/sh": "plugin",
		"a/../../b.py": "plugin.py", "x\x00y": "plugin", "part-1": "plugin", strings.Repeat("x", 201): "plugin", strings.Repeat("x", 300) + ".PY": "plugin.py",
	} {
		if got := fileName(given); got != want {
			t.Errorf("%q is stored as %q, want %q", given, got, want)
		}
	}
}

// TestAModuleIsNamedByItsPath from the task file's folder, so that it is clear which file is meant.
func TestAModuleIsNamedByItsPath(t *testing.T) {
	at := func(paths ...string) *welcome {
		w := &welcome{Spec: &Spec{Plugin: Plugin{Path: "/home/me/task/task.py"}}, Program: &program{}}
		for _, path := range paths {
			w.Sources = append(w.Sources, sourceFile{Path: path})
		}
		return w
	}
	var many []string
	for i := range 11 {
		many = append(many, fmt.Sprintf("/home/me/task/m%02d.py", i))
	}
	for want, w := range map[string]*welcome{
		"": at(),
		"it imports modules of its own (a/__init__.py, b/__init__.py)":                                               at("/home/me/task/a/__init__.py", "/home/me/task/b/__init__.py"),
		"it imports modules of its own (/home/me/shared/x.py, /home/me/taskish.py)":                                  at("/home/me/shared/x.py", "/home/me/taskish.py"),
		"it imports modules of its own (m00.py, m01.py, m02.py, m03.py, m04.py, m05.py, m06.py, m07.py, and 3 more)": at(many...),
	} {
		if got := w.unsent(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
