package plan

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

func FuzzScanItem(f *testing.F) {
	for _, s := range []string{
		`{"input":{"path":"p","rel_dir":"r","file_name":"f"}}`, `{}`, `{"a":[1,-2.5e+3,true,null,{"b":"\ud83d\ude00"}]}`, `{"a":NaN}`,
		`{"a":01}`, `{"a":1,}`, `{"a" :1 , "input": 3}`, `[1]`, `{"a":"\x"}`, "{\"a\":\"\x01\"}", `{"input":{"path":"\udcff"}}`, `{"a":1} x`, "{\"\xff\":1}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.Trim(s, " \t\r\n")
		item, err := scanItem([]byte(s))
		valid := json.Valid([]byte(s)) && strings.HasPrefix(s, "{") && utf8.ValidString(s) && s[len(s)-1] == '}'
		if valid && err != nil && !errors.Is(err, errSurrogate) && !errors.Is(err, jsontext.ErrTooDeep) {
			t.Fatalf("%q is valid, but %v", s, err)
		}
		python := strings.Contains(s, "NaN") || strings.Contains(s, "Infinity")
		if !valid && err == nil && !python {
			t.Fatalf("%q is not valid, but was taken", s)
		}
		if err != nil || !valid {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			return
		}
		if _, has := want["input"]; has != item.hasInput || item.empty != (len(want) == 0) {
			t.Fatalf("%q: input %v, empty %v", s, item.hasInput, item.empty)
		}
	})
}

func TestGlobAsPython(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"[z-a!x]", "x", false}, {"[z-a!x]", "y", true}, {"[z-a!-c]", "-", false}, {"[z-a!-c]", "b", true}, {"[z-a!]", "q", true},
		{"[]", "[]", true}, {"[!]", "[!]", true}, {"[a-c-e]", "-", true}, {"[a-c-e]", "d", false}, {"[a--]", "a", false}, {"[b-ay]", "y", true},
		{"A*", "a", false}, {"*ü", "aü", true}, {"a\nb", "a\nb", true}, {"?", "\n", true},
	} {
		if got := parsePattern(c.pattern).matches([]byte(c.name)); got != c.want {
			t.Errorf("pattern %q, name %q: %v", c.pattern, c.name, got)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to compare with")
	}
	const alphabet = `ab-!][*?^\c`
	var cases [][2]string
	seed := uint64(1)
	pick := func(n int) string {
		var b strings.Builder
		for range n {
			seed = hashKey(string(jsontext.AppendString(nil, "x")) + strconv.Itoa(int(seed%1e9)))
			b.WriteByte(alphabet[seed%uint64(len(alphabet))])
		}
		return b.String()
	}
	for i := range 4000 {
		set := "[" + pick(i%7) + "]" + pick(i%3)
		cases = append(cases, [2]string{set, pick(1 + i%3)})
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-Wignore", "-c", "import fnmatch,json,sys\nprint(json.dumps([fnmatch.fnmatchcase(n,p) for p,n in json.load(sys.stdin)]))")
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	matched := 0
	for i, c := range cases {
		if want[i] {
			matched++
		}
		if got := parsePattern(c[0]).matches([]byte(c[1])); got != want[i] {
			t.Errorf("pattern %q, name %q: %v, Python %v", c[0], c[1], got, want[i])
		}
	}
	if matched < 50 {
		t.Errorf("only %d of the cases match: they test little", matched)
	}
}

func TestStem(t *testing.T) {
	for in, want := range map[string]string{
		"a.jpg": "a", "a": "a", "a.tar.gz": "a.tar", ".bashrc": ".bashrc", ".a.b": ".a", "..a": "..a", "a.": "a", "": "", ".": ".", "...": "...",
		"d.x/a": "d.x/a", "d.x/a.b": "d.x/a", "d/.a": "d/.a",
	} {
		if got := stem(in); got != want {
			t.Errorf("stem(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEndsWithAny(t *testing.T) {
	exts := []string{".jpg", ".kg", "ö"}
	for name, want := range map[string]bool{
		"a.jpg": true, "a.JPG": true, "jpg": false, ".jpg": true, "a.\u212ag": true, "Ö": true, "xÖ": true, "a.jpgx": false, "": false, "\xff.jpg": true,
	} {
		if got := endsWithAny([]byte(name), exts); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if endsWithAny([]byte("a.JPG"), []string{".JPG"}) {
		t.Error("extensions are not lower-cased, so .JPG matches nothing")
	}
}
