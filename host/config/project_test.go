package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProject for one task of a kagurazaka.yaml.
func TestProject(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mixins     []string
		// mixin and task are what the run gets, as JSON.
		mixin, task string
		wrong       []string
		foreign     bool
	}{
		{"an entry", "tasks: {T: {task: {a: 1}, mixin: {b: 2}}}\n", nil, `{"b": 2}`, `{"a": 1}`, nil, false},
		{"another entry", "tasks: {Other: {task: {a: 1}}}\n", nil, `{}`, `{}`, nil, false},
		{"no entries", "tasks:\n", nil, `{}`, `{}`, nil, false},
		{"an empty entry", "tasks: {T: }\n", nil, `{}`, `{}`, nil, false},
		{"keys beside it", "own: {x: 3}\ntasks: {T: {task: {a: '${own.x}'}, mixin: {b: '${task.a}', c: '${.b}'}}}\n", nil, `{"b": 3, "c": 3}`, `{"a": 3}`, nil, false},
		{"an entry that is another", "own: {task: {a: 1}}\ntasks: {T: '${own}'}\n", nil, `{}`, `{"a": 1}`, nil, false},
		{"merged keys", "own: &own {a: 1}\ntasks: {T: {task: {<<: *own, b: 2}}}\n", nil, `{}`, `{"a": 1, "b": 2}`, nil, false},
		{"what another task needs", "tasks: {T: {task: {a: 1}}, Other: {task: {a: '${oc.env:KGT_UNSET}'}}}\nlater: '${oc.env:KGT_UNSET}'\n", nil, `{}`, `{"a": 1}`, nil, false},
		{"words of --mixin", "own: 1\ntasks: {T: {task: {a: 5}, mixin: {b: 2}}}\n", []string{"b=3", "c=${own}", "d=${task.a}", "e=${b}", "f=${mixin.b}"}, `{"b": 3, "c": 1, "d": 5, "e": 3, "f": 2}`, `{"a": 5}`, nil, false},
		{"typos", "taks: {}\n", nil, `{}`, `{}`, []string{"kagurazaka.yaml:1: taks: this is not a section, and nothing refers to it (did you mean tasks? A section of your own needs another name)"}, false},
		{"what a reference names is no typo", "taks: {x: 1}\ntask_s: {x: 2}\ntasls: 3\nown: '${ taks [x]}${task_s.x}${.tasls}'\ntasks: {T: {}}\n", nil, `{}`, `{}`, nil, false},
		{"what an anchor names is no typo", "'taks': &t {a: 1}\ntasks: {T: {task: *t}}\n", nil, `{}`, `{"a": 1}`, nil, false},
		{"typos beside references", "taks: {x: 1}\nown: '${taks_x.y}'\ntasks: {T: {}}\n", nil, `{}`, `{}`, []string{"kagurazaka.yaml:1: taks: this is not a section, and nothing refers to it (did you mean tasks? A section of your own needs another name)"}, false},
		{"typos in an entry", "tasks:\n  T:\n    mixn: {}\n    own: 1\n", nil, `{}`, `{}`, []string{
			"kagurazaka.yaml:3: tasks.T.mixn: unknown section (did you mean mixin?)",
			"kagurazaka.yaml:4: tasks.T.own: unknown section (there are: task, backbone, mixin)"}, false},
		{"sections in the wrong place", "tasks: {T: {}}\nmixin: {a: 1}\n", nil, `{"a": 1}`, `{}`, []string{
			"kagurazaka.yaml:2: mixin: this section belongs to one task (write it below tasks: NAME:)"}, false},
		{"no map", "tasks: [T]\n", nil, `{}`, `{}`, []string{"kagurazaka.yaml:1:8: tasks: must be a map from a task's name to its sections, not a list"}, false},
		{"an entry that is no map", "tasks: {T: 5}\n", nil, `{}`, `{}`, []string{
			"kagurazaka.yaml:1:12: tasks.T: must be a map of the sections task, backbone and mixin, not a number"}, false},
		{"no YAML", "tasks: {T: [}\n", nil, `{}`, `{}`, []string{"kagurazaka.yaml:1: this is not YAML: did not find expected node content"}, false},
		{"something else", "name: x\n", nil, `{}`, `{}`, nil, true},
		{"a list", "[a]\n", nil, `{}`, `{}`, nil, true},
		{"nothing", "", nil, `{}`, `{}`, nil, true},
		{"a file for --cfg", "task: {a: 1}\ntaks: 1\n", nil, `{}`, `{"a": 1}`, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := ReadProject([]byte(c.text), ProjectFile)
			if p.IsForeign() != c.foreign {
				t.Errorf("IsForeign: %v", p.IsForeign())
			}
			if c.foreign {
				return
			}
			cfg, problems := Load(Sources{Project: p, Task: "T", Mixins: c.mixins})
			if diff := cmp.Diff(c.wrong, lines(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if got := cfg.Mixin.JSON(); got != c.mixin {
				t.Errorf("mixin %s, want %s", got, c.mixin)
			}
			if got := cfg.Task.JSON(); got != c.task {
				t.Errorf("task %s, want %s", got, c.task)
			}
		})
	}
}

// TestProjectWithManyKeys takes hours if each key is looked for in the whole text.
func TestProjectWithManyKeys(t *testing.T) {
	const n = 150_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "k%d: '${k%d}'\n", i, (i+1)%n)
	}
	text.WriteString("tasks: {T: {task: {a: 1}}}\n")
	p := ReadProject([]byte(text.String()), ProjectFile)
	if len(p.problems) > 0 || !p.Has("T") || len(p.references()) != n {
		t.Errorf("%d references, %v", len(p.references()), p.problems)
	}
}
