package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/schema/schematest"
)

func arguments(t *testing.T, cfg, rest string, task *schema.Task) (Arguments, []problem.Problem) {
	t.Helper()
	c, problems := Load(Sources{CfgPath: writeFile(t, "cfg.yaml", cfg)})
	if problem.Any(problems) {
		t.Fatalf("%s: %v", cfg, problems)
	}
	var words []string
	if rest != "" {
		words = strings.Split(rest, " ")
	}
	return c.Arguments(words, []string{"num_process", "chunksize"}, task)
}

// TestOpenArguments: the vector of 0.1.1, but that the command line wins, and that a list works.
func TestOpenArguments(t *testing.T) {
	for _, c := range []struct {
		name, cfg, rest string
		want            []string
	}{
		{"order", "task: {b: 2}\nbackbone: {a: 1}", "x --c 3", []string{"x", "--c", "3", "--a", "1", "--b", "2"}},
		{"str", "task: {a: true, b: null, c: 1.0, d: 1e16, e: '007', f: 007, g: yes}", "",
			[]string{"--a", "True", "--b", "None", "--c", "1.0", "--d", "1e+16", "--e", "007", "--f", "7", "--g", "True"}},
		{"flag", "task: {a: store_true, b: x}", "", []string{"--a", "--b", "x"}},
		{"map", "task: {a: {x: [1, true, null, 'ü']}}", "", []string{"--a", `{"x": [1, true, null, "\u00fc"]}`}},
		{"list", "task: {a: [1, x, true, [2, 3], {y: 1}], b: []}", "", []string{"--a", "1", "x", "True", "[2, 3]", `{"y": 1}`, "--b"}},
		{"command line wins", "task: {a: [1, 2], b: 3}\nbackbone: {a: 4}", "--a 9", []string{"--a", "9", "--b", "3"}},
		{"command line wins, joined", "task: {a: 1}", "--a=9", []string{"--a=9"}},
		{"hyphens are no underscores", "task: {a_b: 1}", "--a-b 9", []string{"--a-b", "9", "--a_b", "1"}},
		{"before the dashes", "task: {a: 1}", "x -- y", []string{"x", "--a", "1", "--", "y"}},
		{"still to fill", "task:\n  a: ???", "", nil},
		{"negative", "task: {a: -5}", "", []string{"--a", "-5"}},
		{"both sections", "task: {a: 1}\nbackbone: {a: 2}", "", []string{"--a", "2", "--a", "1"}},
		{"sections without content", "task:\nbackbone:\nother: 1", "", nil},
	} {
		got, problems := arguments(t, c.cfg, c.rest, &schema.Task{Name: "T", OpenArguments: true})
		if diff := cmp.Diff(c.want, got.Args); diff != "" || len(problems) > 0 || len(got.Host) > 0 {
			t.Errorf("%s (-want +got):\n%s%v %v", c.name, diff, problems, got.Host)
		}
	}
}

func TestHostFlagsStandInEitherSection(t *testing.T) {
	got, problems := arguments(t, "task: {num-process: 4, retired: 1}\nbackbone: {num_process: 2, chunksize: auto}", "", &schema.Task{OpenArguments: true})
	if len(problems) > 0 || len(got.Host) != 2 || got.Host["num_process"].Text() != "4" || got.Host["chunksize"].Text() != "auto" {
		t.Errorf("host: %v, %v", got.Host, problems)
	}
	if !strings.HasSuffix(got.Host["num_process"].Source, "cfg.yaml:1:21") {
		t.Errorf("source %s", got.Host["num_process"].Source)
	}
	if diff := cmp.Diff([]string{"--retired", "1"}, got.Args); diff != "" {
		t.Error(diff)
	}
}

func TestDeclaredArguments(t *testing.T) {
	for _, c := range []struct {
		name, cfg, rest string
		want            []string
	}{
		{"flag on", "task: {enlarge: true}", "", []string{"--enlarge"}},
		{"flag off", "task: {enlarge: no}", "", []string{"--no-enlarge"}},
		{"flag as of 0.1.1", "task: {enlarge: store_true}", "", []string{"--enlarge"}},
		{"flag not given", "task: {enlarge: null}", "", nil},
		{"by its short name", "task: {s: 5}", "", []string{"--size", "5"}},
		{"short on the command line", "task: {size: 5}", "-s 7", []string{"-s", "7"}},
		{"abbreviated on the command line", "task: {quality: 5}", "--qual 7", []string{"--qual", "7"}},
		{"switched off on the command line", "task: {enlarge: true}", "--no-enlarge", []string{"--no-enlarge"}},
		{"negative", "task: {ratio: -1.5, crop: [-1, 2, 3, 4]}", "", []string{"--ratio=-1.5", "--crop", "-1", "2", "3", "4"}},
		{"JSON", "task: {meta: [1, {a: yes}]}", "", []string{"--meta", `[1, {"a": true}]`}},
		{"JSON as text", `task: {meta: '{"a":1}'}`, "", []string{"--meta", `{"a":1}`}},
		{"JSON text", "task: {meta: word}", "", []string{"--meta", `"word"`}},
		{"null", "task: {size: null, background: null}", "", []string{"--background", "None"}},
		{"list", "task: {tags: [a, -b]}", "", []string{"--tags", "a", "-b"}},
		{"positional", "task: {profile: -p.icc, size: 3}", "", []string{"--size", "3", "--", "-p.icc"}},
		{"positional behind dashes", "task: {profile: p.icc}", "--size 3 --", []string{"--size", "3", "--", "p.icc"}},
		{"positional on the command line", "task: {profile: p.icc}", "q.icc", []string{"q.icc"}},
	} {
		got, problems := arguments(t, c.cfg, c.rest, schematest.Resize())
		if diff := cmp.Diff(c.want, got.Args); diff != "" || len(problems) > 0 {
			t.Errorf("%s (-want +got):\n%s%v", c.name, diff, problems)
		}
	}
	repeated := &schema.Task{Name: "T", Arguments: []schema.Argument{{Name: "tag", Flags: []string{"--tag"}, Repeatable: true},
		{Name: "quiet", Flags: []string{"--quiet"}, Type: schema.Bool, Arity: "0"}, {Name: "b", Flags: []string{"--b"}, Type: schema.Bool}}}
	got, _ := arguments(t, "task: {tag: [a, -b], quiet: false, b: true}", "", repeated)
	if diff := cmp.Diff([]string{"--tag", "a", "--tag=-b", "--b", "True"}, got.Args); diff != "" {
		t.Error(diff)
	}
}

func TestArgumentProblemsNameTheirLine(t *testing.T) {
	cfg := "task:\n  sise: 5\n  quality: high\n  enlarge: 3\nbackbone:\n  num_proces: 3\n"
	task := schematest.Resize()
	got, problems := arguments(t, cfg, "", task)
	problems = append(problems, got.Locate(schema.Validate(task, got.Args))...)
	var all []string
	for _, line := range lines(problems) {
		all = append(all, line[strings.LastIndex(line, "/")+1:])
	}
	want := []string{
		"cfg.yaml:6:15: num_proces: Resize has no argument num_proces (did you mean num_process?)",
		"cfg.yaml:2:9: sise: Resize has no argument sise (did you mean size?)",
		"cfg.yaml:4:12: enlarge: must be true or false, not a number",
		`cfg.yaml:3:12: --quality: must be an integer, not "high"`,
		"--size: required argument is not set: give --size INT (Longest side of the result, in pixels.)",
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTextArgumentsAreWhatWasWritten: but for true and false, which are as kagurazaka 0.1.1 writes them.
func TestTextArgumentsAreWhatWasWritten(t *testing.T) {
	task := &schema.Task{Name: "T", Arguments: []schema.Argument{
		{Name: "text", Flags: []string{"--text"}, Type: schema.String}, {Name: "n", Flags: []string{"--n"}, Type: schema.Int},
		{Name: "many", Flags: []string{"--many"}, Type: schema.Path, Arity: "*"}, {Name: "own", Flags: []string{"--own"}, Type: schema.Custom},
		{Name: "mode", Flags: []string{"--mode"}, Type: schema.String, Choices: []any{"83", "no"}},
	}}
	for cfg, want := range map[string][]string{
		"{text: 0123, n: 0123, own: 0123}":    {"--text", "0123", "--n", "83", "--own", "83"},
		"{text: no}":                          {"--text", "no"},
		"{text: true}":                        {"--text", "True"},
		"{text: null}":                        {"--text", "None"},
		"{many: [1.10, 12:30, {a: 1.10}]}":    {"--many", "1.10", "12:30", `{"a": 1.1}`},
		"{mode: 0123}":                        {"--mode", "83"},
		"{mode: no}":                          {"--mode", "no"},
		"{text: '${task.n}', n: 1_000}":       {"--text", "1_000", "--n", "1000"},
		"{text: 'x${task.n}', n: 0123}":       {"--text", "x83", "--n", "83"},
		"{text: {a: 0123}}":                   {"--text", `{"a": 83}`},
		"{text: 2020-01-02, many: [on, off]}": {"--text", "2020-01-02", "--many", "on", "off"},
	} {
		got, problems := arguments(t, "task: "+cfg, "", task)
		if diff := cmp.Diff(want, got.Args); diff != "" || len(problems) > 0 {
			t.Errorf("%s (-want +got):\n%s%v", cfg, diff, problems)
		}
	}
}
