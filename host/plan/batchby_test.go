package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// scripted is a source of given blocks, then of an error.
type scripted struct {
	blocks []backbones.Block
	err    error
}

func (s *scripted) Next(context.Context) (backbones.Block, error) {
	if len(s.blocks) == 0 {
		return backbones.Block{}, s.err
	}
	b := s.blocks[0]
	s.blocks = s.blocks[1:]
	return b, nil
}

func numbered(first int, items ...string) backbones.Block {
	return backbones.Block{Encoding: backbones.JSONLines, First: uint64(first), Count: len(items), Payload: []byte(strings.Join(items, "\n")), Marshal: []byte("m")}
}

// everyItem is what a source yields, an item a line with its number, and its error.
func everyItem(t *testing.T, s backbones.Source) (out []string, err error) {
	t.Helper()
	for {
		b, err := s.Next(t.Context())
		if err != nil {
			return out, err
		}
		switch {
		case b.Refused != nil:
			out = append(out, "refused")
		case b.Count == 0:
			out = append(out, "barrier")
		case b.Marshal != nil:
			t.Error("a block has the marshal of other items")
		}
		for i, line := range strings.Split(string(b.Payload), "\n") {
			if b.Count > 0 {
				out = append(out, fmt.Sprintf("%d %s", b.First+uint64(i), line))
			}
		}
	}
}

func TestBatchBy(t *testing.T) {
	n := func(v string) string { return `{"n":` + v + `}` }
	broken := &template.InputError{}
	stop := errors.New("stop")
	refused := numbered(50, n("9"))
	refused.Refused, refused.Marshal = []string{"why"}, nil
	tests := []struct {
		name   string
		key    string
		window int
		blocks []backbones.Block
		err    error
		want   []string
		warns  string
	}{
		{"the longest first, equal ones in their order", "n", 8, []backbones.Block{numbered(0, n("1"), n("3")), numbered(5, n("3"), n("2"))}, io.EOF,
			[]string{"1 " + n("3"), "5 " + n("3"), "6 " + n("2"), "0 " + n("1")}, ""},
		{"a window ends within a block", "n", 2, []backbones.Block{numbered(0, n("1"), n("2"), n("3"), n("4"), n("5"))}, io.EOF,
			[]string{"1 " + n("2"), "0 " + n("1"), "3 " + n("4"), "2 " + n("3"), "4 " + n("5")}, ""},
		{"items without a length come last", "n", 8, []backbones.Block{numbered(0, n("null"), `{"m":1}`, n("1"), n("true"))}, io.EOF,
			[]string{"2 " + n("1"), "0 " + n("null"), "1 " + `{"m":1}`, "3 " + n("true")}, n("null")},
		{"a window does not reach over a barrier", "n", 8, []backbones.Block{numbered(0, n("1")), {}, numbered(1, n("2"))}, io.EOF,
			[]string{"0 " + n("1"), "barrier", "1 " + n("2")}, ""},
		{"what must not be begun is passed on", "n", 8, []backbones.Block{numbered(0, n("1")), refused, numbered(1, n("2"))}, io.EOF,
			[]string{"refused", "50 " + n("9"), "1 " + n("2"), "0 " + n("1")}, ""},
		{"what was listed before an unreadable input is done", "n", 8, []backbones.Block{numbered(0, n("1"), n("2"))}, broken, []string{"1 " + n("2"), "0 " + n("1")}, ""},
		{"any other error comes at once", "n", 8, []backbones.Block{numbered(0, n("1"))}, stop, nil, ""},
		{"nothing", "n", 8, nil, io.EOF, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			warned := ""
			s := NewBatchBy(&scripted{tt.blocks, tt.err}, BatchByOptions{Key: tt.key, Window: tt.window, Warn: func(w Warning) { warned += w.Path }})
			got, err := everyItem(t, s)
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) || warned != tt.warns {
				t.Errorf("%v, warned of %q\n%s", err, warned, diff)
			}
			if _, again := s.Next(t.Context()); !errors.Is(again, tt.err) {
				t.Errorf("afterwards: %v", again)
			}
			if held := s.Held(); held != 0 && !errors.Is(tt.err, stop) {
				t.Errorf("%d items are held at the end", held)
			}
		})
	}
}

// TestBatchByYieldsEachItemOnce sorts random blocks with gaps in random windows.
func TestBatchByYieldsEachItemOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var blocks []backbones.Block
		want, number := []string{}, 0
		for range random.IntN(20) {
			number += random.IntN(3)
			var items []string
			for range 1 + random.IntN(30) {
				items = append(items, fmt.Sprintf(`{"n":%d,"i":%d}`, random.IntN(5), number+len(items)))
				want = append(want, fmt.Sprintf("%d %s", number+len(items)-1, items[len(items)-1]))
			}
			blocks = append(blocks, numbered(number, items...))
			number += len(items)
		}
		window := 1 + random.IntN(100)
		got, err := everyItem(t, NewBatchBy(&scripted{blocks, io.EOF}, BatchByOptions{Key: "n", Window: window}))
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for at := 0; at < len(got); at += window {
			part := got[at:min(at+window, len(got))]
			if !slices.IsSortedFunc(part, func(a, b string) int {
				return strings.Compare(b[strings.Index(b, "{"):strings.Index(b, ",")], a[strings.Index(a, "{"):strings.Index(a, ",")])
			}) {
				t.Fatalf("a window is not sorted: %s", part)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got, cmp.Transformer("", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestBatchBySize(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 10, "b": 30, "ü": 20} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	triplet := func(name string) string {
		return fmt.Sprintf(`{"input":{"path":%q,"rel_dir":"","file_name":"x"}}`, filepath.Join(dir, name))
	}
	text := fmt.Sprintf(`{"input":%q}`, filepath.Join(dir, "ü"))
	// A member of an archive has its size in the item; its path is not that of a file.
	const inTar = `{"input":{"path":"x.tar/k.b","rel_dir":"","file_name":"k.b"},"input_a":{"path":"x.tar/k.a","rel_dir":"","file_name":"k.a"},` +
		`"input_b":{"path":"x.tar/k.b","rel_dir":"","file_name":"k.b"},"members":{"tar":"x.tar","input_a":[512,99,1],"input_b":[2048,25,1]}}`
	items := []string{triplet("gone"), triplet("a"), text, triplet("b"), inTar}
	var warned []Warning
	got, err := everyItem(t, NewBatchBy(&scripted{[]backbones.Block{numbered(0, items...)}, io.EOF}, BatchByOptions{
		Key: BatchBySize, Window: 8, Warn: func(w Warning) { warned = append(warned, w) },
	}))
	want := []string{"3 " + items[3], "4 " + items[4], "2 " + items[2], "1 " + items[1], "0 " + items[0]}
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, io.EOF) {
		t.Errorf("%v\n%s", err, diff)
	}
	if len(warned) != 1 || warned[0].Path != items[0] || !errors.Is(warned[0].Err, fs.ErrNotExist) {
		t.Errorf("warned of %v", warned)
	}
}

func TestBatchByRefuses(t *testing.T) {
	for want, tt := range map[string]struct {
		key   string
		block backbones.Block
	}{
		"none of the first 2 items has a length in the field lenght; the first item has the fields input, length": {"lenght", numbered(0, `{"input":{},"length":3}`, `{"length":4}`)},
		"none of the first 1 item has an input with a path; the first item has the fields n":                      {"size", numbered(0, `{"n":3}`)},
		"the task's items are not JSON": {"n", backbones.Block{Encoding: backbones.Opaque, Count: 2}},
	} {
		_, err := everyItem(t, NewBatchBy(&scripted{[]backbones.Block{tt.block}, io.EOF}, BatchByOptions{Key: tt.key, Window: 8}))
		if err == nil || !strings.Contains(err.Error(), want) || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := everyItem(t, NewBatchBy(&scripted{[]backbones.Block{{Count: 2, Payload: []byte("{}")}}, io.EOF}, BatchByOptions{Key: "n", Window: 8})); err == nil || !strings.Contains(err.Error(), "but it has 1 line") {
		t.Error(err)
	}
}

func TestFieldLength(t *testing.T) {
	const item = ` {"n":2.5,"text":"f\u00fcnf\n","list":[1,[2,3],NaN],"rows":[[1],{"a":2}],"map":{"a":1,"b":2},"size":7,"none":null,"no":false,"nan":NaN,"inf":Infinity,"\u00fc":4,"deep":{"er":{"n":1e3}}} `
	for key, want := range map[string]float64{
		"n": 2.5, "text": 5, "rows": 2, "map": 2, ".size": 7, "ü": 4, "deep.er.n": 1000, "none": -1, "no": -1, "nan": -1, "other": -1, "n.deep": -1, "": -1,
	} {
		got, ok := fieldLength([]byte(item), key)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: %v %v, want %v", key, got, ok, want)
		}
	}
	if _, ok := fieldLength([]byte(`"text"`), "n"); ok {
		t.Error("a text has a field")
	}
}
