package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidObject(t *testing.T) {
	for _, good := range []string{`{}`, ` { } `, `{"a":[],"b":{"c":[1,-0.5e+3,true,false,null,"\u00e9\n"]}}`, `{"a":1,"a":2}`, "{\"\xff\":\"\xfe\"}"} {
		if err := ValidObject([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		``, `[]`, `5`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1}x`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":"\x"}`, `{"a":"\u12g4"}`,
		`{"a":tru}`, `{"a":[1,]}`, `{"a":[1 2]}`, "{\"a\":\"\n\"}", `{"a":"`, `{"a":"\`, `{"a":{"b"1}}`, `{"a":{"b":1 "c"}}`,
		strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1), `{"a":` + strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1) + "}",
	} {
		if err := ValidObject([]byte(bad)); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

func TestField(t *testing.T) {
	text := []byte(`{"a":1,"b":{"a":2},"a":3,"c": "x" }`)
	for name, want := range map[string]string{"a": "1", "b": `{"a":2}`, "c": `"x"`, "d": ""} {
		if got := string(Field(text, name)); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := Field([]byte(`{"a":1,"b":`), "a"); string(got) != "1" {
		t.Errorf("before the break there is %q", got)
	}
}

func TestStringRefuses(t *testing.T) {
	for _, bad := range []string{`5`, `"a" "b"`, `"`, ``} {
		if s, err := String([]byte(bad)); err == nil {
			t.Errorf("%s was read as %q", bad, s)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\ud83d\ude00\udcff"}],"c":-1.5e3}`))
	f.Add([]byte(`{"a":tru}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		members := 0
		err := Object(text, func(key, value []byte) bool {
			members++
			if !utf8.Valid(text) {
				return true
			}
			if !json.Valid(value) {
				t.Errorf("the value %q is not JSON", value)
			}
			return true
		})
		valid := ValidObject(text) == nil
		if (err == nil) != valid {
			t.Errorf("Object says %v, ValidObject %v", err, valid)
		}
		var m map[string]json.RawMessage
		std := json.Unmarshal(text, &m) == nil && m != nil
		if std != valid {
			t.Errorf("valid %v, encoding/json says %v", valid, std)
		}
		if valid && members < len(m) {
			t.Errorf("%d members of %d", members, len(m))
		}
	})
}

func FuzzString(f *testing.F) {
	f.Add("a\x00\"\\\n\t\x7f\u2028é\xff😀\xed\xb0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		lit := AppendString(nil, s)
		got, err := String(lit)
		if err != nil || got != s {
			t.Errorf("%q came back as %q by %s, %v", s, got, lit, err)
		}
		if !json.Valid(lit) {
			t.Errorf("%s is not JSON", lit)
		}
		if utf8.ValidString(s) {
			var std string
			if err := json.Unmarshal(lit, &std); err != nil || std != s {
				t.Errorf("encoding/json reads %q, %v", std, err)
			}
		}
	})
}
