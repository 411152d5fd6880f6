package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/schema"
)

func words(s string) []string {
	var list []string
	for _, w := range strings.Fields(s) {
		list = append(list, strings.ReplaceAll(w, "~", " "))
	}
	return list
}

func TestValidate(t *testing.T) {
	const all = "its arguments: --size, --quality, --enlarge, --background, --ratio, --tags, --crop, --meta, --wait"
	for _, c := range []struct {
		args string
		want []string
	}{
		{"--size 5", nil},
		{"--size=5 --quality 90 --enlarge --ratio -1.5e3 --meta {} --wait 1m30s --tags a b --tags c --crop 1 2 3 4", nil},
		{"-s 5 p.icc", nil},
		{"-s5 --no-enlarge", nil},
		{"-s=5 --enlarge=false", nil},
		{"--size 1_000 --ratio inf --wait 0", nil},
		{"--size 5 -- -strange-", nil},
		{"--size 5 --tags -1 -", nil},
		{"--size 5 --background none", nil},
		{"--size 5 --tags -a~b", nil},
		{"", []string{"--size: required argument is not set: give --size INT (Longest side of the result, in pixels.)"}},
		{"--size", []string{"--size: needs one value, not none"}},
		{"--size big", []string{`--size: must be an integer, not "big"`}},
		{"--size -x", []string{
			"--size: needs one value, not none (a value that begins with a dash is written --size=-x)",
			"-x: Resize has no such argument (" + all + ")"}},
		{"--sise 5 --qualty=3", []string{
			`--sise: Resize has no such argument (did you mean --size?)`,
			"--qualty: Resize has no such argument (did you mean --quality?)",
			"--size: required argument is not set: give --size INT (Longest side of the result, in pixels.)"}},
		{"--size 5 --qual 3", []string{
			"--qual: Resize has no such argument (did you mean --quality?)"}},
		{"--size 5 --ratio x --meta {a} --wait 5 --background whit --crop 1 2 3", []string{
			"--crop: needs 4 values, not three",
			`--ratio: must be a number, not "x"`,
			`--meta: "{a}" is not JSON (texts need double quotes: '{"a": "b"}')`,
			`--wait: "5" is not a duration (a number with its unit, as in 1m30s or 500ms)`,
			`--background: must be one of white, black, none, not "whit" (did you mean white?)`}},
		{"--size 5 --crop=1", []string{"--crop: needs 4 values, not one (write them after it, separated by spaces)"}},
		{"--size 5 --enlarge=maybe", []string{`--enlarge: takes no value, not "maybe" (write --enlarge alone)`}},
		{"--size 5 a.icc b.icc", []string{`b.icc: unexpected argument`}},
		{"--size 5 --tags", []string{"--tags: needs at least one value, not none"}},
		{"--size 5 -zq", []string{"-zq: Resize has no such argument (" + all + ")"}},
		{"--size 5 --no-size", []string{"--no-size: Resize has no such argument (did you mean --size?)"}},
	} {
		var got []string
		for _, p := range schema.Validate(resize(), words(c.args)) {
			line := p.String()
			if p.Suggestion != "" {
				line += " (" + p.Suggestion + ")"
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestValidateOpenArguments(t *testing.T) {
	for args, want := range map[string]int{
		"--kind fast --model m.pt -x rest":  0,
		"--model m.pt":                      1,
		"--kind slow --anything=1":          1,
		"--kind fast --nested --kinds best": 0,
	} {
		if got := schema.Validate(upscale(), words(args)); len(got) != want {
			t.Errorf("%s: %v", args, got)
		}
	}
}

func TestValidatePositionals(t *testing.T) {
	arg := func(name, arity string, required bool) schema.Argument {
		return schema.Argument{Name: name, Arity: arity, Required: required, Type: schema.String}
	}
	many := &schema.Task{Name: "T", Arguments: []schema.Argument{arg("first", "", true), arg("middle", "*", false), arg("last", "", true),
		{Name: "n", Flags: []string{"-n"}, Type: schema.Int, Choices: []any{num("1"), num("2")}},
		{Name: "v", Flags: []string{"-v"}, Type: schema.Bool, Arity: "0"}, {Name: "q", Flags: []string{"-q"}, Type: schema.Bool, Arity: "0"}}}
	for args, want := range map[string]string{
		"a b":          "[]",
		"a b c d -n 1": "[]",
		"-vqn 02 a b":  "[]",
		"-n1 a b":      "[]",
		"a":            "[last: needs one value, not none]",
		"":             "[first: needs one value, not none last: needs one value, not none]",
		"a b -n 3":     `[-n: must be one of 1, 2, not "3"]`,
		"-vx a b":      "[-x: T has no such argument]",
	} {
		if got := fmt.Sprint(schema.Validate(many, words(args))); !strings.HasPrefix(got, strings.TrimSuffix(want, "]")) || want == "[]" && got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

func TestGiven(t *testing.T) {
	for _, c := range []struct {
		task *schema.Task
		args string
		want map[string]bool
	}{
		{resize(), "-s 5 --no-enlarge p.icc", map[string]bool{"size": true, "enlarge": true, "profile": true}},
		{resize(), "--qual 3 --crop 1", map[string]bool{"qual": true, "quality": true, "crop": true}},
		{upscale(), "--model=x --kind fast", map[string]bool{"model": true, "kind": true}},
		{&schema.Task{}, "--a 1 -b --c=2 -- --d", map[string]bool{"a": true, "b": true, "c": true}},
	} {
		if diff := cmp.Diff(c.want, schema.Given(c.task, words(c.args))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, seed := range []string{"--size 5", "-s5 --tags a b -- c", "--crop 1 2 3 4 --enlarge=no", "-s= --no-enlarge=true --", "-5 -- -", "--meta [1,2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := words(line)
		for _, task := range []*schema.Task{resize(), upscale(), {Name: "empty"}} {
			for _, p := range schema.Validate(task, args) {
				if p.Message == "" || p.Source != "" && p.Message != schema.Unexpected || strings.Contains(p.Message, "\n") && !strings.Contains(line, "\n") {
					t.Errorf("%q: %+v", line, p)
				}
			}
			schema.Given(task, args)
		}
	})
}

func TestAbbreviations(t *testing.T) {
	task := resize()
	task.Capabilities = []string{schema.Abbreviates}
	task.Arguments = append(task.Arguments, schema.Argument{Name: "version", Flags: []string{"--version"}, Arity: "0", Type: schema.Bool, Ends: true})
	for args, want := range map[string]string{
		"--siz 5 --qual=3": "[]",
		"--siz big":        `[--siz: must be an integer, not "big"]`,
		"--size 5 --h":     "[--h: Resize has no such argument]",
		"--size 5 --b x":   `[--b: must be one of white, black, none, not "x"]`,
		"--size 5 --no-en": "[]",
		"--size 5 --m":     "[--m: needs one value, not none]",
		"--s 5":            "[]",
		"--size 5 --":      "[]",
	} {
		if got := fmt.Sprint(schema.Validate(task, words(args))); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	task.Flags = []string{"--sigma"}
	if got := fmt.Sprint(schema.Validate(task, words("--s 5 --size 3"))); got != "[--s: it is ambiguous: it may be short for --sigma or --size]" {
		t.Error(got)
	}
	if flag, yes := task.Abbreviates("--sig"); !yes || flag != "--sigma" {
		t.Error(flag)
	}
	if !schema.Ends(task, words("--size 5 --vers")) || schema.Ends(task, words("--size 5 -- --version")) {
		t.Error("which arguments end the program")
	}
	if task.Knows("--colour") || !task.Knows("--sig") || !task.Unknown("--colour") || task.Unknown("--s") || task.Unknown("-x") {
		t.Error("what the parser may take")
	}
}

func TestSpell(t *testing.T) {
	task := &schema.Task{Name: "T", Arguments: []schema.Argument{
		{Name: "min-length", Flags: []string{"--min-length", "-m"}}, {Name: "max_length", Flags: []string{"--max_length"}},
		{Name: "a-b", Flags: []string{"--a-b"}}, {Name: "a_b", Flags: []string{"--a_b"}},
		{Name: "keep-all", Flags: []string{"--keep-all"}, Negatable: true, Arity: "0"},
	}}
	for args, want := range map[string]string{
		"--min_length 3 --max-length=a_b":   "--min-length 3 --max_length=a_b",
		"--a_b 1 --a-b 2":                   "--a_b 1 --a-b 2",
		"--no_keep_all x_y -- --min_length": "--no-keep-all x_y -- --min_length",
		"--min_len 3 -m 1":                  "--min_len 3 -m 1",
	} {
		if got := strings.Join(schema.Spell(task, words(args)), " "); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	task.OpenArguments = true
	if got := schema.Spell(task, []string{"--min_length"}); got[0] != "--min_length" {
		t.Error("of a task that takes anything a name was changed")
	}
}
