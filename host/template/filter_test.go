package template

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCompileFilters(t *testing.T) {
	with := func(fields map[string]any) *Filter {
		fields["exts"] = []any{".a"}
		return mustCompile(t, map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: mode("InputByExts", fields)}).Input.Filter
	}
	for _, none := range []map[string]any{{}, {"recursive": true, "ignore": []any{}, "min_size": nil}, {"min_size": num(0)}} {
		if f := with(none); f != nil {
			t.Errorf("%v leaves out something: %+v", none, f)
		}
	}
	got := with(map[string]any{"recursive": false, "ignore": "x", "min_size": "1K", "max_size": num(5000), "newer_than": "2026-01-31"})
	want := &Filter{Flat: true, Ignore: []string{"x"}, MinSize: 1024, MaxSize: 5000, NewerThan: time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if f := with(map[string]any{"recursive": false}); f == nil || f.MaxSize != math.MaxInt64 || f.Examines() {
		t.Errorf("%+v", f)
	}
}

func TestCompileReportsProblemsOfFilters(t *testing.T) {
	for _, c := range []struct {
		fields map[string]any
		want   []string
	}{
		{map[string]any{"recursive": "yes", "ignore": []any{num(1)}, "min_size": []any{}, "newer_than": num(3)}, []string{
			`input_mode.recursive must be true or false, not "yes"`,
			`input_mode.ignore.0 must be a text, not 1: quote it to make it text: --mixin 'input_mode.ignore.0="1"'`,
			"input_mode.min_size must be an integer or a text, not []",
			`input_mode.newer_than must be a text, not 3: quote it to make it text: --mixin 'input_mode.newer_than="3"'`,
		}},
		{map[string]any{"ignore": []any{"a", "/", "!b"}}, []string{
			"input_mode.ignore.1 is empty: a pattern must match a name",
			`input_mode.ignore.2 is "!b", but no pattern takes back another: write patterns that match only what is to be left out; [!]x stands for a name that begins with !`,
		}},
		{map[string]any{"min_size": "ten", "max_size": "-1"}, []string{
			`input_mode.min_size is "ten": it must be a number of bytes, such as 800M or 4G`,
			`input_mode.max_size is "-1": it must be a number of bytes, such as 800M or 4G`,
		}},
		{map[string]any{"min_size": "2K", "max_size": "1K"}, []string{"input_mode.max_size is 1024, less than min_size 2048: no file would be listed"}},
		{map[string]any{"recursive": "yes", "min_size": "ten", "newer_than": "yesterday"}, []string{
			`input_mode.recursive must be true or false, not "yes"`,
			`input_mode.min_size is "ten": it must be a number of bytes, such as 800M or 4G`,
			`input_mode.newer_than is "yesterday": it must be a time such as 2026-01-31 or 2026-01-31T08:00, or an age such as 36h or 7d`,
		}},
		{map[string]any{"newer_than": "yesterday"}, []string{
			`input_mode.newer_than is "yesterday": it must be a time such as 2026-01-31 or 2026-01-31T08:00, or an age such as 36h or 7d`,
		}},
	} {
		c.fields["exts"] = nil
		_, problems := Compile(root(map[string]*Node{RoleHardShard: folders("in", "out"), RoleInput: mode("InputByExts", c.fields)}))
		var got []string
		for _, p := range problems {
			got = append(got, inOneLine(p))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v:\n%s", c.fields, diff)
		}
	}
}

func TestPatternsWithAnyFolders(t *testing.T) {
	for _, c := range []struct {
		pattern   string
		recursive bool
		want      string
		warning   bool
	}{
		{"*.jpg", false, "", false}, {"*.jpg", true, "", false}, {"a**/x", false, "", false}, {"**/x", true, "", false}, {"../**/x", true, "", false},
		{"**/x", false, "input_mode.glob_pattern has ** in it, which is the same as * here: it stands for one folder: recursive: true beside it makes it stand for any number of them", true},
		{"**/../x", true, "input_mode.glob_pattern goes up or stays behind a **, so the same file could be listed twice: take .. and . out of what follows it", false},
		{"**/", true, "input_mode.glob_pattern ends with a slash behind a **: folders match without it, too", false},
	} {
		tmpl, problems := Compile(root(map[string]*Node{
			RoleHardShard: folders("in", "out"), RoleInput: mode("InputByGlob", map[string]any{"glob_pattern": c.pattern, "recursive": c.recursive}),
		}))
		got, warning := "", false
		for _, p := range problems {
			got, warning = got+inOneLine(p), p.Warning
		}
		if got != c.want || warning != c.warning || (tmpl == nil) != (got != "" && !warning) {
			t.Errorf("%s, %v: %q, warning %v, template %v", c.pattern, c.recursive, got, warning, tmpl)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.Local)
	for text, want := range map[string]time.Time{
		"90s": now.Add(-90 * time.Second), "1.5h": now.Add(-90 * time.Minute), "7d": now.Add(-7 * 24 * time.Hour), "2w": now.Add(-14 * 24 * time.Hour),
		"2026-01-31T08:00": time.Date(2026, 1, 31, 8, 0, 0, 0, time.Local), "2026-01-31 08:00:01": time.Date(2026, 1, 31, 8, 0, 1, 0, time.Local),
		"2026-01-31T08:00:00Z": time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
	} {
		if got, ok := parseTime(text, now); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "7", "-7d", "7days", "2026-02-30", "31.1.2026", "1e9w", "99999999999w"} {
		if got, ok := parseTime(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}
