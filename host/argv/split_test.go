package argv

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/job"
)

// grammar is a command line of the host's, with some commands.
type grammar struct {
	job.ConfigFlags
	Help           bool `name:"help" short:"h"`
	HelpBackbone   bool `name:"help-backbone"`
	HelpKagurazaka bool `name:"help-kagurazaka"`

	Progress string `name:"progress" default:"auto"`
	job.RunFlags
	Verbose int    `name:"verbose" short:"v" type:"counter"`
	Quiet   bool   `name:"quiet" short:"q"`
	KgDebug string `name:"kg-debug"`
	job.SourceFlags
	job.LedgerFlags

	Run  struct{} `cmd:"" default:"withargs"`
	Plan struct {
		First int `name:"first" default:"10"`
	} `cmd:""`
	Describe struct {
		JSON bool `name:"json"`
	} `cmd:""`
}

func newParser(g *grammar) (*kong.Kong, error) {
	return kong.New(g, kong.NoDefaultHelp(), kong.Vars{"backbones": strings.Join(job.BackboneNames(), ",")})
}

func splitOf(t *testing.T, yielded map[string]bool, args ...string) *split {
	t.Helper()
	var g grammar
	parser, err := newParser(&g)
	if err != nil {
		t.Fatal(err)
	}
	return splitArgs(args, knownFlags(parser, job.Backbone("mp", nil).Arguments(), reading{yielded: yielded}), parser)
}

func TestSplit(t *testing.T) {
	exists := func(word string) bool { return strings.HasPrefix(word, "./") }
	tests := []struct {
		name     string
		line     string
		yielded  map[string]bool
		command  string
		host     []string
		backbone []job.Value
		plugin   string
		task     string
		rest     []string
	}{
		{name: "as one writes it", line: "./p Resize --size 256 --mixin a.b=1 c=2 --num_process 3",
			host: []string{"--mixin=a.b=1", "--mixin=c=2"}, backbone: []job.Value{{Name: "num-process", Value: "3"}}, plugin: "./p", task: "Resize", rest: []string{"--size", "256"}},
		{name: "flags first", line: "--num-process=3 --mixin a=1 --progress none ./p Resize --size 256",
			host: []string{"--mixin=a=1", "--progress=none"}, backbone: []job.Value{{Name: "num-process", Value: "3"}}, plugin: "./p", task: "Resize", rest: []string{"--size", "256"}},
		{name: "a task's flag before the plugin", line: "--size 256 ./p Resize", plugin: "./p", task: "Resize", rest: []string{"--size", "256"}},
		{name: "a task's flag before the task", line: "./p --size 256 Resize", plugin: "./p", task: "Resize", rest: []string{"--size", "256"}},
		{name: "a task's flag without a value before the task", line: "./p --enlarge Resize", plugin: "./p", task: "Resize", rest: []string{"--enlarge"}},
		{name: "abbreviations are the task's", line: "./p Resize --n 5 --mix a=1", plugin: "./p", task: "Resize", rest: []string{"--n", "5", "--mix", "a=1"}},
		{name: "short help", line: "./p Resize -hb", host: []string{"--help-backbone"}, plugin: "./p", task: "Resize"},
		{name: "several mixins", line: "./p Resize --mixin a=1 --mixin b=x=y --mixin=c=", host: []string{"--mixin=a=1", "--mixin=b=x=y", "--mixin=c="}, plugin: "./p", task: "Resize"},
		{name: "a mixin before the plugin", line: "--mixin a=1 ./p Resize", host: []string{"--mixin=a=1"}, plugin: "./p", task: "Resize"},
		{name: "everything after -- is the task's", line: "./p Resize -- --progress -x ./q", plugin: "./p", task: "Resize", rest: []string{"--progress", "-x", "./q"}},
		{name: "a command", line: "plan --first 3 ./p Resize", command: "plan", host: []string{"--first=3"}, plugin: "./p", task: "Resize"},
		{name: "a command's flag elsewhere is the task's", line: "./p Resize --first 3", plugin: "./p", task: "Resize", rest: []string{"--first", "3"}},
		{name: "negative numbers are values", line: "./p Resize --shift -3.5 -1", plugin: "./p", task: "Resize", rest: []string{"--shift", "-3.5", "-1"}},
		{name: "a flag that the task has itself", line: "./p Resize -v --verbose --kg-verbose", yielded: map[string]bool{"verbose": true},
			host: []string{"--verbose"}, plugin: "./p", task: "Resize", rest: []string{"-v", "--verbose"}},
		{name: "an optional value takes a =", line: "--kg-debug ./p Resize", host: []string{"--kg-debug=on"}, plugin: "./p", task: "Resize"},
		{name: "an optional value", line: "--kg-debug=wait ./p Resize", host: []string{"--kg-debug=wait"}, plugin: "./p", task: "Resize"},
		{name: "names that end with NUL", line: "-0 --files-from=- ./p Resize", host: []string{"--null", "--files-from=-"}, plugin: "./p", task: "Resize"},
		{name: "a zero is the value of a flag of the task", line: "./p Resize --shift -0 -0", host: []string{"--null"}, plugin: "./p", task: "Resize", rest: []string{"--shift", "-0"}},
		{name: "a zero that the task has itself", line: "./p Resize -0 --kg-null", yielded: map[string]bool{"null": true}, host: []string{"--null"}, plugin: "./p", task: "Resize", rest: []string{"-0"}},
		{name: "a resume alone", line: "--resume ./p Resize", host: []string{"--resume=last-same"}, plugin: "./p", task: "Resize"},
		{name: "a resume of the last", line: "--resume last ./p Resize --retry-failed", host: []string{"--resume=last", "--retry-failed=last-same"}, plugin: "./p", task: "Resize"},
		{name: "a resume of a run", line: "./p --kg-resume 20260314-150926535-8c1f0a Resize", host: []string{"--resume=20260314-150926535-8c1f0a"}, plugin: "./p", task: "Resize"},
		{name: "a resume of a run's beginning", line: "--retry-failed 20260314-15 ./p Resize", host: []string{"--retry-failed=20260314-15"}, plugin: "./p", task: "Resize"},
		{name: "a resume of anything", line: "--resume=./p ./p Resize --resume", yielded: nil, host: []string{"--resume=./p", "--resume=last-same"}, plugin: "./p", task: "Resize"},
		{name: "a resume before a number", line: "./p Resize --resume 20260314", host: []string{"--resume=last-same"}, plugin: "./p", task: "Resize", rest: []string{"20260314"}},
		{name: "a task's own resume", line: "./p Resize --resume last", yielded: map[string]bool{"resume": true}, plugin: "./p", task: "Resize", rest: []string{"--resume", "last"}},
		{name: "very verbose", line: "-vv ./p Resize", host: []string{"--verbose", "--verbose"}, plugin: "./p", task: "Resize"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := splitOf(t, tt.yielded, strings.Fields(tt.line)...)
			if len(s.flaws) > 0 {
				t.Fatal(s.flaws)
			}
			if tt.command == "" {
				tt.command = "run"
			}
			if s.Command != tt.command {
				t.Errorf("command %q, want %q", s.Command, tt.command)
			}
			if diff := cmp.Diff(some(tt.host), s.hostTexts()); diff != "" {
				t.Errorf("host flags: %s", diff)
			}
			if diff := cmp.Diff(tt.backbone, s.backbone); diff != "" {
				t.Errorf("backbone flags: %s", diff)
			}
			if got := s.choosePlugin(exists); got != tt.plugin {
				t.Errorf("plugin %q, want %q", got, tt.plugin)
			}
			if got, _ := s.chooseTask(func(w word) bool { return w.text == "Resize" || w.text == "Other" }); got != tt.task {
				t.Errorf("task %q, want %q", got, tt.task)
			}
			if len(tt.rest) == 0 {
				tt.rest = []string{}
			}
			if diff := cmp.Diff(tt.rest, s.restTexts()); diff != "" {
				t.Errorf("rest: %s", diff)
			}
		})
	}
}

// TestReading: what is known of the task decides whose a word is.
func TestReading(t *testing.T) {
	yielded := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, n := range names {
			m[n] = true
		}
		return m
	}
	field := func(word string) bool { return word == "finish_check_mode" }
	for _, tt := range []struct {
		name, line string
		reading    reading
		host, rest string
	}{
		{"a guess minds no missing value", "p T --progress", reading{guess: true}, "", "p T"},
		{"a guess minds no value too many", "p T --quiet=5", reading{guess: true}, "", "p T"},
		{"python before the plugin is the host's", "--python a p T --python b", reading{yielded: yielded("python"), pluginAt: 2, taskAt: 3},
			"--python=a", "p T --python b"},
		{"ours in any case", "p T --python b --kg-python c", reading{yielded: yielded("python"), taskAt: 1}, "--python=c", "p T --python b"},
		{"a backbone's own", "p T --batch_size 5 --kg-num_process 3", reading{yielded: yielded("num-process"), taskAt: 1}, "", "p T --batch_size 5"},
		{"what is handed on", "p T --quiet run --progress bar --num_process 2 --kg-grace 3s", reading{taskAt: 1, remainderAt: 3}, "--quiet --grace=3s", "p T run --progress bar"},
		{"a zero of a task with positional arguments", "-0 p T -1 -0 --files-from a", reading{pluginAt: 1, taskAt: 2, positionals: true}, "--null --files-from=a", "p T -1 -0"},
		{"a null field", "p T --mixin a=1 finish_check_mode b=2 other", reading{taskAt: 1, isField: field}, "--mixin=a=1 --mixin=finish_check_mode= --mixin=b=2", "p T other"},
		{"keys of any form", "p T --mixin a=1 2=b a/b=5 c=3 =5 a..b=5 m.d.[q]=5 é=1 -x=1 d=4", reading{taskAt: 1},
			"--mixin=a=1 --mixin=2=b --mixin=a/b=5 --mixin=c=3 --mixin==5 --mixin=a..b=5 --mixin=m.d.[q]=5 --mixin=é=1", "p T -x=1 d=4"},
		{"a first key of any form", "p T --mixin 2=b --mixin==5", reading{taskAt: 1}, "--mixin=2=b --mixin==5", "p T"},
		{"a null field first", "p T --mixin finish_check_mode", reading{taskAt: 1, isField: field}, "--mixin=finish_check_mode=", "p T"},
		{"no field before the task", "p --mixin a=1 finish_check_mode T", reading{taskAt: 4, isField: field}, "--mixin=a=1", "p finish_check_mode T"},
		{"a command's flag", "plan p T --first 3", reading{pluginAt: 1, taskAt: 2}, "--first=3", "p T"},
		{"a command's flag that the task has", "plan p T --first 3 --kg-first 2", reading{yielded: yielded("first"), pluginAt: 1, taskAt: 2}, "--first=2", "p T --first 3"},
	} {
		var g grammar
		parser, err := newParser(&g)
		if err != nil {
			t.Fatal(err)
		}
		s := splitArgs(strings.Fields(tt.line), knownFlags(parser, job.Backbone("mp", nil).Arguments(), tt.reading), parser)
		if !tt.reading.guess && len(s.flaws) > 0 {
			t.Errorf("%s: %v", tt.name, s.flaws)
		}
		if got := strings.Join(s.hostTexts(), " "); got != tt.host {
			t.Errorf("%s: host %q, want %q", tt.name, got, tt.host)
		}
		if got := strings.Join(s.restTexts(), " "); got != tt.rest {
			t.Errorf("%s: rest %q, want %q", tt.name, got, tt.rest)
		}
	}
}

// TestDashes: directly behind TASK they have done their work, further back they are for the task's parser.
func TestDashes(t *testing.T) {
	for line, want := range map[string]string{
		"./p T -- --a": "--a", "./p T --b 1 -- --a": "--b 1 -- --a", "-- ./p T --a": "--a", "./p T -- a -- b": "a -- b",
		"./p T --progress none -- x": "-- x",
	} {
		s := splitOf(t, nil, strings.Fields(line)...)
		s.choosePlugin(func(word string) bool { return word == "./p" })
		s.chooseTask(func(w word) bool { return w.text == "T" })
		if got := strings.Join(s.restTexts(), " "); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func TestSplitErrors(t *testing.T) {
	tests := []struct{ line, want string }{
		{"./p T --mixin", "--mixin: needs a value"},
		{"./p T --mixin a.b", "must be KEY=VALUE"},
		{"./p T --mixin --cfg=a.yaml", "--mixin --cfg=a.yaml: must be KEY=VALUE"},
		{"./p T --progress", "--progress: needs a value"},
		{"./p T --run-dir= --resume= --num_process=", "--run-dir: the value is empty; --resume: the value is empty; --num_process: the value is empty"},
		{"./p T --quiet=5", `--quiet: takes no value, not "5"`},
		{"./p T --quiet=5 --mixin a b=1 --progress", `--quiet: takes no value, not "5"; --mixin a: must be KEY=VALUE, for example --mixin hard_shard_mode.input_path=photos; --progress: needs a value`},
	}
	for _, tt := range tests {
		var got []string
		for _, f := range splitOf(t, nil, strings.Fields(tt.line)...).flaws {
			got = append(got, f.String())
		}
		if !strings.Contains(strings.Join(got, "; "), tt.want) {
			t.Errorf("%s: %v, want %q", tt.line, got, tt.want)
		}
	}
}
