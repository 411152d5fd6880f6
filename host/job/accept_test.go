package job

import (
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
