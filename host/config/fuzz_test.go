package config

import (
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzScalar(f *testing.F) {
	for _, seed := range []string{"yes", "007", "1_000", "1e3", "190:20:30.15", "-.inf", ".nan", "0x_f", "~", "2001-01-01", "1__0e3", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := newScalar(plainScalar(s), "")
		switch n := v.Scalar.(type) {
		case string:
			if n != s {
				t.Errorf("the text %q became %q", s, n)
			}
		case nil, bool, float64:
		default:
			if _, ok := new(big.Int).SetString(v.Text(), 10); !ok {
				t.Errorf("%q became the whole number %q", s, v.Text())
			}
		}
	})
}

func FuzzDotlist(f *testing.F) {
	for _, seed := range []string{"a=1", "a.b[0].c=x", "a=[1, {b: c}]", "a=b=c", "=", "a..b=", "a[b.c]=${x}", "a=&x [*x]", "a={<<: {b: 1}}", "a=- 1\n- 2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		v, problems := parseDotlist(arg, nil)
		if (v == nil) != (len(problems) > 0) {
			t.Fatalf("%q: value %v, problems %v", arg, v, problems)
		}
		for _, p := range problems {
			if !strings.HasPrefix(p.Source, mixinFlag+" ") || p.Message == "" {
				t.Errorf("%q: %+v", arg, p)
			}
		}
		for v != nil && v.dotted {
			if len(v.Entries) != 1 || v.Entries[0].Key == "" {
				t.Fatalf("%q: %v", arg, v.Entries)
			}
			v = v.Entries[0].Value
		}
	})
}

func FuzzInterpolation(f *testing.F) {
	for _, seed := range []string{"${a}", "${.a}", "x\\${a}", "${oc.env:A,'b'}", "${oc.decode:'[1, {a: \"x\"}]'}", "${a.${b}}", "${a[0].b}", "${oc.select:a,${m}}", "\\\\${x}", "${m}${m}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		root := newMap("")
		root.set(Entry{Key: "x", Value: newScalar(s, "x")})
		root.set(Entry{Key: "a", Value: newScalar("${x}", "a")})
		root.set(Entry{Key: "b", Value: newScalar("a", "b")})
		m := newMap("m")
		m.set(Entry{Key: "y", Value: newScalar("${..b}", "m")})
		root.set(Entry{Key: "m", Value: m})
		r := new(loader).resolver()
		got := r.all(root.Get("x"))
		if len(r.problems) == 0 && !hasInterpolation(s) && got.Text() != s {
			t.Errorf("%q without an interpolation became %q", s, got.Text())
		}
		if len(r.problems) > 0 != contained(got) {
			t.Errorf("%q: %v, problems %v", s, typed(got), r.problems)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got.Text()) {
			t.Errorf("%q became %q", s, got.Text())
		}
	})
}

// contained reports whether something in the value could not be resolved.
func contained(v *Value) bool {
	if v.unresolved {
		return true
	}
	for _, e := range v.Entries {
		if contained(e.Value) {
			return true
		}
	}
	for _, item := range v.Items {
		if contained(item) {
			return true
		}
	}
	return false
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: &x {b: *x}", "- a\n- b", "{a: [b, c]}", "<<: [a]", "a: !!int 3\n---\n", "? a\n: b", "\ufeffa: 1", "%YAML 1.1\n---\na: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, problems := parseYAML([]byte(text), "f.yaml")
		for _, p := range problems {
			if !strings.HasPrefix(p.Source, "f.yaml") || p.Message == "" {
				t.Errorf("%q: %+v", text, p)
			}
		}
		if v != nil {
			checkParents(t, text, v)
		}
	})
}

func checkParents(t *testing.T, text string, v *Value) {
	t.Helper()
	for _, e := range v.Entries {
		if e.Value.parent != v || e.Value.key != e.Key {
			t.Errorf("%q: %s does not know where it stands", text, e.Key)
		}
		checkParents(t, text, e.Value)
	}
	for _, item := range v.Items {
		if item.parent != v {
			t.Errorf("%q: an element does not know where it stands", text)
		}
		checkParents(t, text, item)
	}
}
