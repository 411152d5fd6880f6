package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/schema/schematest"
)

// load reads a skeleton as a run does.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cfg.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(config.Sources{CfgPath: path, ScriptPath: "task"})
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	return cfg
}

// TestSkeletonIsAConfiguration: valid as it is, with the same left to fill as the task; complete when filled.
func TestSkeletonIsAConfiguration(t *testing.T) {
	commented := regexp.MustCompile(`(?m)^( *)#(\w)`)
	for _, c := range []struct {
		task   *schema.Task
		filled func(string) string
		args   string
	}{
		{schematest.Resize(), func(s string) string {
			return strings.NewReplacer("size: ???", "size: 256", "input_path: ???", "input_path: in", "output_path: ???", "output_path: out").Replace(s)
		}, "--size 256"},
		{schematest.Upscale(), func(s string) string {
			s = strings.Replace(s, "mode: ???", "mode: InputByGlob\n    glob_pattern: '*.jpg'", 1)
			return strings.ReplaceAll(strings.Replace(s, "kind: ???", "kind: best", 1), "???", "x")
		}, "--kind best"},
	} {
		var b bytes.Buffer
		if err := schema.Skeleton(&b, c.task, "kagurazaka", schematest.Backbone(), nil); err != nil {
			t.Fatal(err)
		}
		empty := load(t, b.String())
		if len(empty.Task.Entries) == 0 || len(empty.Backbone.Entries) != 0 {
			t.Errorf("%s: task %v, backbone %v", c.task.Name, empty.Task.Entries, empty.Backbone.Entries)
		}
		tmpl, problems := config.Apply(c.task.Template, empty.Mixin, false)
		if len(problems) > 0 {
			t.Errorf("%s, not filled: %v", c.task.Name, problems)
		}
		if got, want := tmpl.Placeholders(), c.task.Template.Placeholders(); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s, not filled: left are %v, want %v", c.task.Name, got, want)
		}
		text := c.filled(b.String())
		for _, text := range []string{text, commented.ReplaceAllString(text, "$1$2")} {
			full := load(t, text)
			tmpl, problems := config.Apply(c.task.Template, full.Mixin, false)
			if len(problems) > 0 || len(tmpl.Placeholders()) > 0 {
				t.Errorf("%s, filled: %v, left are %v\n%s", c.task.Name, problems, tmpl.Placeholders(), text)
			}
		}
		args, problems := load(t, text).Arguments(nil, []string{"num_process"}, c.task)
		if got := strings.Join(args.Args, " "); got != c.args || len(problems) > 0 {
			t.Errorf("%s: arguments %q, %v", c.task.Name, got, problems)
		}
		if problems := schema.Validate(c.task, args.Args); len(problems) > 0 {
			t.Errorf("%s: %v", c.task.Name, problems)
		}
	}
}

// TestHelpExampleFills: what help says to write leaves nothing to fill.
func TestHelpExampleFills(t *testing.T) {
	for _, task := range []*schema.Task{schematest.Resize(), schematest.Upscale()} {
		var b bytes.Buffer
		if err := schema.Help(&b, task, schema.HelpOptions{Command: []string{"kagurazaka", "plugin", task.Name}}); err != nil {
			t.Fatal(err)
		}
		// The example may go over several lines.
		whole := regexp.MustCompile(`\\\n +`).ReplaceAllString(strings.TrimSpace(b.String()), "")
		lines := strings.Split(whole, "\n")
		_, mixins, found := strings.Cut(lines[len(lines)-1], " --mixin ")
		if !found {
			t.Fatalf("no example in\n%s", b.String())
		}
		cfg, problems := config.Load(config.Sources{Mixins: strings.Fields(strings.ReplaceAll(mixins, "'", ""))})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		tmpl, problems := config.Apply(task.Template, cfg.Mixin, false)
		if len(problems) > 0 || len(tmpl.Placeholders()) > 0 {
			t.Errorf("%s: %v, left are %v", task.Name, problems, tmpl.Placeholders())
		}
	}
}
