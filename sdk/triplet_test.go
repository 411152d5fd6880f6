package sdk

import (
	"encoding/json"
	"testing"
)

func TestTriplet(t *testing.T) {
	for text, want := range map[string]FileTriplet{
		`{"path":"/in/./a.jpg","rel_dir":".","file_name":"a.jpg"}`:                    {"/in/./a.jpg", ".", "a.jpg"},
		`{"path":"/\udcff\udc80é","rel_dir":"\"\\\n","file_name":"\ud83d\ude00"}`:     {"/\xff\x80é", "\"\\\n", "😀"},
		`{ "more" : [1, {"path":2}], "path" : "\u002fx\/y", "file_name":"a\u0000b" }`: {"/x/y", "", "a\x00b"},
		`{"path":"\ud800"}`: {"\uFFFD", "", ""},
		`null`:              {},
	} {
		var got FileTriplet
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+q, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"path":1}`, `[]`, `"a"`, `{"rel_dir":null}`} {
		var got FileTriplet
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s was read as %v", text, got)
		}
	}
	var f FileTriplet
	for _, text := range []string{``, `{`, `{"path":"a"`, `{"path":"a",}`, `{"path":"a"} x`} {
		if err := f.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s was read as %v", text, f)
		}
	}
}

func FuzzTripletRoundTrip(f *testing.F) {
	f.Add("/in/a.jpg", ".", "a.jpg")
	f.Add("caf\xe9\xed\xb3\xbf", "\u2028<>&", "\x00\x1f\"\\")
	f.Fuzz(func(t *testing.T, path, dir, name string) {
		want := FileTriplet{path, dir, name}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got FileTriplet
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s: %+q instead of %+q, %v", text, got, want, err)
		}
	})
}

func TestItemString(t *testing.T) {
	for text, want := range map[string]string{
		`{"input":{"path":"/a/b"}}`: "/a/b", `{"i":1}`: `{"i":1}`, `{"input":5}`: `{"input":5}`, `{"input":{"path":7}}`: `{"input":{"path":7}}`,
	} {
		if got := (Item{raw: []byte(text)}).String(); got != want {
			t.Errorf("%s is called %s", text, got)
		}
	}
}

func TestItemsOfSeveralFiles(t *testing.T) {
	item := Item{raw: []byte(`{"input":{"path":"a.jpg"},"input_image":{"path":"in/a.jpg","rel_dir":".","file_name":"a.jpg"},"input_text":null}`)}
	if f, ok := item.InputOf("image"); !ok || f != (FileTriplet{"in/a.jpg", ".", "a.jpg"}) {
		t.Errorf("the image is %v, %v", f, ok)
	}
	for _, id := range []string{"text", "other", ""} {
		if f, ok := item.InputOf(id); ok || f != (FileTriplet{}) {
			t.Errorf("%q is %v, %v", id, f, ok)
		}
	}
}
