package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// observed is how OmegaConf 2.4.0 with PyYAML 6.0.3 answers, as kagurazaka 0.1.1 uses them: recorded by running them.
type observed struct {
	Scalars []struct {
		Text string
		Want any
	}
	Dotlists []struct {
		Args []string
		Want any
	}
	Base           string
	Interpolations []struct {
		Text string
		Want any
	}
	Merges []struct {
		Cfg      *string
		MixinCfg string `json:"mixin_cfg"`
		Mixins   []string
		Want     any
	}
	YAML []struct {
		Text string
		Want any
	}
	Python []struct{ YAML, Str, JSON string }
}

func loadObserved(t *testing.T) observed {
	t.Helper()
	data, err := os.ReadFile("testdata/observed.json")
	if err != nil {
		t.Fatal(err)
	}
	var o observed
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// typed writes a value in the notation of the recording: every scalar with its type.
func typed(v *Value) any {
	switch v.Kind {
	case KindMap:
		m := map[string]any{}
		for _, e := range v.Entries {
			var key any = e.Key
			if e.typed != nil {
				key = e.typed
			}
			m[fmt.Sprint(typed(newScalar(key, "")))] = typed(e.Value)
		}
		return m
	case KindList:
		l := make([]any, len(v.Items))
		for i, item := range v.Items {
			l[i] = typed(item)
		}
		return l
	}
	switch s := v.Scalar.(type) {
	case nil:
		return "null"
	case bool:
		return "bool:" + v.Text()
	case float64:
		return "float:" + v.Text()
	case json.Number:
		return "int:" + s.String()
	case Bytes:
		return "other:" + v.Text()
	}
	return fmt.Sprintf("str:%s", v.Scalar)
}

// plainKeys drops the types of keys.
func plainKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			if _, name, ok := cutColon(k); ok {
				k = name
			}
			m[k] = plainKeys(x)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = plainKeys(x)
		}
		return l
	}
	return v
}

func cutColon(s string) (string, string, bool) {
	for i := range s {
		if s[i] == ':' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// compare checks a result against the recording. better lists where ours differs on purpose, with what it says instead.
func compare(t *testing.T, name string, got *Value, problems []problem.Problem, want any, better map[string]any) {
	t.Helper()
	var result any = "error"
	if !problem.Any(problems) {
		result = "null"
		if got != nil {
			result = typed(got)
		}
	}
	if other, ok := better[name]; ok {
		if cmp.Equal(plainKeys(want), other) {
			t.Errorf("%q is listed as different but is not", name)
		}
		want, result = other, plainKeys(result)
	}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("%q (-want +got):\n%s%v", name, diff, problems)
	}
}

func TestScalarsAsObserved(t *testing.T) {
	for _, c := range loadObserved(t).Scalars {
		v, problems := parseDotlist("a="+c.Text, nil)
		compare(t, c.Text, v.Get("a"), problems, c.Want, map[string]any{
			// These crash there.
			"=": "str:=", "<<": "str:<<", "0x_": "str:0x_", "0b_": "str:0b_",
		})
	}
}

func loadMixins(mixins ...string) (*Value, []problem.Problem) {
	c, problems := Load(Sources{Mixins: mixins})
	return c.Mixin, problems
}

func TestDotlistsAsObserved(t *testing.T) {
	for _, c := range loadObserved(t).Dotlists {
		v, problems := loadMixins(c.Args...)
		compare(t, fmt.Sprint(c.Args), v, problems, c.Want, map[string]any{
			// A word without = is null there, and empty names are names: both are typing errors.
			"[a]": "error", "[=1]": "error", "[.a=1]": "error", "[a.=1]": "error", "[a..b=1]": "error",
			// Only from_dotlist was asked there, which resolves nothing.
			"[a=${b}]": "error",
		})
	}
}

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"KGT_SET": "hello", "KGT_NUM": "12", "KGT_EMPTY": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestInterpolationsAsObserved(t *testing.T) {
	o := loadObserved(t)
	for _, c := range o.Interpolations {
		root, problems := parseYAML([]byte(o.Base), "base.yaml")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		root.set(Entry{Key: "x", Value: newScalar(c.Text, "x")})
		r := new(loader).resolver()
		got := r.all(root.Get("x"))
		compare(t, c.Text, got, r.problems, c.Want, map[string]any{
			// Texts that want quotes there for no good reason.
			"${oc.env:KGT_UNSET,~/x}": "str:~/x", "${oc.env:KGT_UNSET,a=b}": "str:a=b", "${oc.env:KGT_UNSET,a#b}": "str:a#b",
			"${oc.env:KGT_UNSET,ü}": "str:ü", "${oc.env:KGT_UNSET,a(b)}": "str:a(b)",
			// A space at the end is dropped there, but not behind a colon.
			"${oc.env:KGT_UNSET,oc.select: }": "str:oc.select:",
			// A value that is yet to be given is an error there even where nobody asks for it.
			"${oc.dict.values:a}": []any{"int:1", []any{"str:x", "str:y", map[string]any{"z": "int:3"}}, "str:text", "null", "float:1.0", "bool:True",
				"str:", "str:???", "str:d", map[string]any{"k": "str:v"}},
		})
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMergesAsObserved(t *testing.T) {
	for _, c := range loadObserved(t).Merges {
		s := Sources{MixinCfgPath: writeFile(t, "mixin.yaml", c.MixinCfg), Mixins: c.Mixins, ScriptPath: "task.py"}
		name := fmt.Sprint("none", c.MixinCfg, c.Mixins)
		if c.Cfg != nil {
			s.CfgPath = writeFile(t, "cfg.yaml", *c.Cfg)
			name = fmt.Sprint(*c.Cfg, c.MixinCfg, c.Mixins)
		}
		got, problems := Load(s)
		compare(t, name, got.Mixin, problems, c.Want, map[string]any{
			// All of these are errors there. Of a list and a map the later wins; a dotlist addresses elements; a section
			// that is null is an absent one; 0 and '0' are one key.
			"r: {x: 1, y: 2}\nmixin: {a: {x: 5}}{}[a=${r} a.z=1]": map[string]any{"a": map[string]any{"x": "int:1", "y": "int:2", "z": "int:1"}},
			"mixin: {a: [1,2]}{a: {b: 1}}[]":                      map[string]any{"a": map[string]any{"b": "int:1"}},
			"mixin: {a: {b: 1}}{a: [3]}[]":                        map[string]any{"a": []any{"int:3"}},
			"mixin: {a: [1,2]}{}[a.0=5]":                          map[string]any{"a": []any{"int:5", "int:2"}},
			"mixin: {a: [{b: 1}]}{}[a[0].b=5]":                    map[string]any{"a": []any{map[string]any{"b": "int:5"}}},
			"mixin: {0: x}{}[0=y]":                                map[string]any{"0": "str:y"},
			"mixin: null{}[a=1]":                                  map[string]any{"a": "int:1"},
		})
	}
}

func TestYAMLAsObserved(t *testing.T) {
	for _, c := range loadObserved(t).YAML {
		l := &loader{}
		got := l.file(writeFile(t, "a.yaml", c.Text), "--cfg")
		compare(t, c.Text, got, l.problems, c.Want, map[string]any{
			// A file that holds no map cannot be a configuration.
			"[1, 2]": "error", "x": "error",
		})
	}
}

func TestPythonTextAsObserved(t *testing.T) {
	for _, c := range loadObserved(t).Python {
		v, problems := parseYAML([]byte("a: "+c.YAML), "a.yaml")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := v.Get("a").Text(); got != c.Str {
			t.Errorf("%s: str %q, want %q", c.YAML, got, c.Str)
		}
		if got := v.Get("a").JSON(); got != c.JSON {
			t.Errorf("%s: JSON %s, want %s", c.YAML, got, c.JSON)
		}
	}
}
