package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

var (
	odd  = jsontext.Triplet{Path: "in/a,\"b\".jpg", RelDir: ".", FileName: "a,\"b\".jpg"}
	rows = []Row{
		{N: 1, Entry: manifest.AppendTriplet(nil, odd), Input: odd, Alone: true, State: "todo"},
		{N: 2, Entry: []byte(`{"i":1}`), State: "done", Key: 1, Result: &Result{Number: 5, Outcome: "done", Time: 1500 * time.Microsecond, Timed: true, Mean: true, Attempts: 2}},
		{N: 3, Opaque: true, Shown: "<a \"thing\">", Key: 0xabc, State: "failed", Result: &Result{Number: 6, Outcome: "failed", Attempts: 1, Kind: "error", Error: "no\nluck"}},
		{Key: 2, State: "done", Result: &Result{Number: 7, Outcome: "done", Time: 0, Timed: true, Attempts: 1}},
	}
)

func write(t *testing.T, format Format, results, wide bool, rows ...Row) string {
	t.Helper()
	var b bytes.Buffer
	list := manifest.To(&b, manifest.Text)
	w, err := New(list, format, results, wide)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		r.Entry = bytes.TrimSuffix(r.Entry, []byte("\n"))
		if err := w.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), list.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONL(t *testing.T) {
	got := write(t, JSONL, false, true, rows[:3]...)
	want := `{"input":{"path":"in/a,\"b\".jpg","rel_dir":".","file_name":"a,\"b\".jpg"}}
{"i":1}
{"encoding":"opaque","item":"<a \"thing\">","key":"0000000000000abc"}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = write(t, JSONL, true, true, rows...)
	want = `{"input":{"path":"in/a,\"b\".jpg","rel_dir":".","file_name":"a,\"b\".jpg"},"n":1,"state":"todo"}
{"item":{"i":1},"n":2,"state":"done","number":5,"outcome":"done","seconds":0.001500,"mean":true,"attempts":2}
{"encoding":"opaque","item":"<a \"thing\">","key":"0000000000000abc","n":3,"state":"failed","number":6,"outcome":"failed","attempts":1,"kind":"error","error":"no\nluck"}
{"item":null,"key":"0000000000000002","state":"done","number":7,"outcome":"done","seconds":0.000000,"attempts":1}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s is not JSON", line)
		}
	}
}

// A table is read back by any reader of RFC 4180.
func TestCSV(t *testing.T) {
	read := func(text string) [][]string {
		all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if diff := cmp.Diff([][]string{{"n", "path", "rel_dir", "file_name", "state"}, {"1", odd.Path, ".", odd.FileName, "todo"}}, read(write(t, CSV, false, false, rows[0]))); diff != "" {
		t.Error(diff)
	}
	want := [][]string{
		{"n", "path", "rel_dir", "file_name", "item", "state", "outcome", "seconds", "mean", "attempts", "kind", "error", "key"},
		{"2", "", "", "", `{"i":1}`, "done", "done", "0.001500", "true", "2", "", "", "0000000000000001"},
		{"3", "", "", "", `<a "thing">`, "failed", "failed", "", "", "1", "error", "no\nluck", "0000000000000abc"},
		{"", "", "", "", "", "done", "done", "0.000000", "false", "1", "", "", "0000000000000002"},
	}
	if diff := cmp.Diff(want, read(write(t, CSV, true, true, rows[1:]...))); diff != "" {
		t.Error(diff)
	}
}

func TestText(t *testing.T) {
	if got := write(t, Text, true, true, rows[0]); got != odd.Path+"\n" {
		t.Errorf("%q", got)
	}
	w, err := New(manifest.To(&bytes.Buffer{}, manifest.Text), Text, false, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&rows[1]); !errors.Is(err, ErrNoPath) || !strings.Contains(err.Error(), "#2") {
		t.Errorf("an item without a path: %v", err)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       Format
		wrong      bool
	}{
		{"", "-", JSONL, false}, {"", "a.csv", CSV, false}, {"", "a.csv.gz", CSV, false}, {"", "a.txt.zst", Text, false}, {"jsonl", "a.csv", JSONL, false},
		{"txt", "-", Text, false}, {"json", "-", JSONL, true},
	} {
		if got, err := Parse(tt.name, tt.path); got != tt.want || (err != nil) != tt.wrong {
			t.Errorf("%q, %q: %v, %v", tt.name, tt.path, got, err)
		}
	}
}

func TestWithoutOutputs(t *testing.T) {
	for line, want := range map[string]string{
		`{"input":{"path":"p","rel_dir":"d","file_name":"n"},"output":{"path":"o"},"output_x":1}`: `{"input":{"path":"p","rel_dir":"d","file_name":"n"}}`,
		`{"a":1,"output":2,"b\n":[3]}`: `{"a":1,"b\n":[3]}`,
		`{}`:                           `{}`,
	} {
		entry, in, err := WithoutOutputs([]byte(line))
		if err != nil || string(entry) != want {
			t.Errorf("%s: %s, %v", line, entry, err)
		}
		if alone := Alone(entry, in); alone != (in.Path != "") {
			t.Errorf("%s: alone: %v", entry, alone)
		}
	}
	in := jsontext.Triplet{Path: "p"}
	for entry, want := range map[string]bool{`{"input":{"path":"p"}}`: true, `{"input":{"path":"p"},"i":1}`: false, `{"i":1}`: false, `{"input":`: false} {
		if Alone([]byte(entry), in) != want {
			t.Errorf("%s: alone: %v", entry, !want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"-": "", "a": "", "a.jsonl": "", "a.txt.gz": "", "a.csv.zst": "", "a.bz2/b.txt": "", "a.CSV": "", "a.v2": "",
		"a.jsonl.bz2": ".bz2", "a.XZ": ".XZ", "a.csv.GZ": ".GZ", "a.Zst": ".Zst", "a.Z": ".Z", "d/a.zip": ".zip",
	} {
		err := CheckName(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "compressed as "+want+": ") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
