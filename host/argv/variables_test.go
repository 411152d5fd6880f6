package argv

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/job"
)

// TestVariables of the environment beside flags of the command line.
func TestVariables(t *testing.T) {
	for _, c := range []struct {
		name, line string
		set        map[string]string
		host       []string
		backbone   []job.Value
		wrong      string
	}{
		{"a value", "./p T", map[string]string{"RETRIES": "2"}, []string{"--retries=2"}, nil, ""},
		{"the command line wins", "./p T --retries 3", map[string]string{"RETRIES": "2"}, []string{"--retries=3"}, nil, ""},
		{"in either spelling", "./p T --max_failures 3", map[string]string{"MAX_FAILURES": "2"}, []string{"--max-failures=3"}, nil, ""},
		{"empty", "./p T", map[string]string{"RETRIES": ""}, []string{}, nil, ""},
		{"turned on", "./p T", map[string]string{"LOCKED": "1", "MTLS": "true"}, []string{"--locked", "--mtls"}, nil, ""},
		{"never turned off", "./p T --locked", map[string]string{"LOCKED": "0"}, []string{"--locked"}, nil, ""},
		{"not turned off by --locked=false", "./p T --locked=false", map[string]string{"LOCKED": "1"}, []string{"--locked"}, nil, "--locked=false: KAGURAZAKA_LOCKED=1 has turned it on, so it stays on; hint: unset KAGURAZAKA_LOCKED to turn it off"},
		{"not turned off by --mtls=false", "./p T --mtls=false", map[string]string{"MTLS": "1"}, []string{"--mtls"}, nil, "--mtls=false: KAGURAZAKA_MTLS=1 has turned it on, so it stays on; hint: unset KAGURAZAKA_MTLS to turn it off"},
		{"not turned off by --clean-env=false", "./p T --clean-env=false", map[string]string{"CLEAN_ENV": "1"}, []string{"--clean-env"}, nil, "--clean-env=false: KAGURAZAKA_CLEAN_ENV=1 has turned it on, so it stays on; hint: unset KAGURAZAKA_CLEAN_ENV to turn it off"},
		{"not turned off by the host's own name", "./p T --kg-clean_env=false --clean-env", map[string]string{"CLEAN_ENV": "true"}, []string{"--clean-env", "--clean-env"}, nil, "--kg-clean_env=false: KAGURAZAKA_CLEAN_ENV=true has turned it on, so it stays on; hint: unset KAGURAZAKA_CLEAN_ENV to turn it off"},
		{"off in both", "./p T --locked=false", map[string]string{"LOCKED": "0"}, []string{"--locked=false"}, nil, ""},
		{"off beside an empty variable", "./p T --locked=false", map[string]string{"LOCKED": ""}, []string{"--locked=false"}, nil, ""},
		{"off beside neither on nor off", "./p T --locked=false", map[string]string{"LOCKED": "maybe"}, []string{"--locked"}, nil, "KAGURAZAKA_LOCKED=maybe: must be 1 or 0"},
		{"neither on nor off", "./p T", map[string]string{"LOCKED": "maybe"}, []string{}, nil, "KAGURAZAKA_LOCKED=maybe: must be 1 or 0"},
		{"both hashes count", "./p T --plugin-sha256 a", map[string]string{"PLUGIN_SHA256": "b"}, []string{"--plugin-sha256=b", "--plugin-sha256=a"}, nil, ""},
		{"an empty hash", "./p T", map[string]string{"PLUGIN_SHA256": ""}, []string{}, nil, "KAGURAZAKA_PLUGIN_SHA256: the value is empty"},
		{"of a backbone", "./p T", map[string]string{"NUM_PROCESS": "4"}, []string{}, []job.Value{{Name: "num-process", Value: "4", Source: "KAGURAZAKA_NUM_PROCESS"}}, ""},
		{"of a backbone and on the line", "./p T --num_process 5", map[string]string{"NUM_PROCESS": "4"}, []string{}, []job.Value{{Name: "num-process", Value: "5"}}, ""},
		{"what is run", "./p T", map[string]string{"CFG": "x", "MIXIN": "a=1", "RUN_DIR": "r", "RESUME": "last", "FILES_FROM": "f", "DEVICE": "cpu", "ENV": "A=1"}, []string{}, nil, ""},
		{"where interpreters are looked for", "./p T", map[string]string{"PYTHON": "python3"}, []string{}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.set {
				t.Setenv("KAGURAZAKA_"+name, value)
			}
			var g grammar
			parser, err := newParser(&g)
			if err != nil {
				t.Fatal(err)
			}
			l := New(strings.Fields(c.line), parser, &job.Program{}, func(string, []string) error { return nil })
			wrong := ""
			if err := l.read(reading{}); err != nil {
				wrong = err.Error()
			} else if err := l.Doubt(); err != nil {
				wrong = err.Error()
			}
			if diff := cmp.Diff(c.wrong, wrong); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.host, l.hostTexts()); diff != "" {
				t.Errorf("flags of the host (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.backbone, l.BackboneFlags()); diff != "" {
				t.Errorf("flags of the backbone (-want +got):\n%s", diff)
			}
		})
	}
}
