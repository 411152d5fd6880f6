package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidObject(t *testing.T) {
	for _, good := range []string{`{"a":[NaN,-Infinity,Infinity]}`, `{}`, ` { } `, `{"a":[],"b":{"c":[1,-0.5e+3,true,false,null,"\u00e9\n"]}}`, `{"a":1,"a":2}`, "{\"\xff\":\"\xfe\"}"} {
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

func TestStringKeepsBytes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", `""`},
		{"plain/a.jpg", `"plain/a.jpg"`},
		{"q\"b\\s/", `"q\"b\\s/"`},
		{"a\nb\rc\td\x00e\x1f\x7f", "\"a\\nb\\rc\\td\\u0000e\\u001f\x7f\""},
		{"ü😀\u2028", "\"ü😀\u2028\""},
		{"a\xffb\x80", `"a\udcffb\udc80"`},
		{"\xf0\x9f\x98", `"\udcf0\udc9f\udc98"`},
		{"\xed\xa0\x80", `"\udced\udca0\udc80"`},
		{"\ufffd", "\"\ufffd\""},
	} {
		if got := string(AppendString(nil, c.in)); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
		if got := string(AppendString([]byte("x"), []byte(c.in))); got != "x"+c.want {
			t.Errorf("%q as bytes: %s", c.in, got)
		}
	}
}

func TestLoneSurrogates(t *testing.T) {
	for lit, want := range map[string]string{`"\ud83d"`: "\ufffd", `"a\ud83d\u0041"`: "a\ufffdA", `"\udc7f"`: "\ufffd", `"\ud83d\udcff"`: "\U0001f4ff"} {
		got, err := String([]byte(lit))
		if got != want || errors.Is(err, ErrSurrogate) != strings.Contains(want, "\ufffd") {
			t.Errorf("%s is %q, %v, want %q", lit, got, err, want)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\ud83d\ude00\udcff"}],"c":-1.5e3}`))
	f.Add([]byte(`{"a":tru}`))
	f.Add([]byte(`{"a":NaN,"b":-Infinity,"NaN":Inf}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		members := 0
		python := bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Infinity"))
		err := Object(text, func(key, value []byte) error {
			members++
			if utf8.Valid(text) && !python && !json.Valid(value) {
				t.Errorf("the value %q is not JSON", value)
			}
			return nil
		})
		valid := ValidObject(text) == nil
		if (err == nil) != valid {
			t.Errorf("Object says %v, ValidObject %v", err, valid)
		}
		var m map[string]json.RawMessage
		std := json.Unmarshal(text, &m) == nil && m != nil
		if std != valid && (!python || !valid) && !errors.Is(err, ErrTooDeep) {
			t.Errorf("valid %v, encoding/json says %v", valid, std)
		}
		if std && members < len(m) {
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
		if got := AppendString(nil, []byte(s)); !bytes.Equal(got, lit) {
			t.Errorf("as bytes %s, as a string %s", got, lit)
		}
		ascii := AppendASCII(nil, s)
		if got, err := String(ascii); err != nil || got != s || bytes.ContainsFunc(ascii, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q came back as %q by %s, %v", s, got, ascii, err)
		}
		if utf8.ValidString(s) {
			var std string
			if err := json.Unmarshal(lit, &std); err != nil || std != s {
				t.Errorf("encoding/json reads %q, %v", std, err)
			}
		}
	})
}

func FuzzTriplet(f *testing.F) {
	f.Add("in/a\xff.jpg", "in", "a\xff.jpg")
	f.Fuzz(func(t *testing.T, path, relDir, fileName string) {
		var got Triplet
		if complete, err := got.Read(AppendTriplet(nil, path, relDir, fileName)); !complete || err != nil || got != (Triplet{path, relDir, fileName}) {
			t.Errorf("got %q, complete %v, %v", got, complete, err)
		}
	})
}
