package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

func picks(t *testing.T, all ...string) *Picker {
	t.Helper()
	var s Selection
	for _, text := range all {
		p, err := ParsePick(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Picks = append(s.Picks, p)
	}
	return NewPicker(s)
}

func TestParsePick(t *testing.T) {
	for text, want := range map[string]Pick{
		"#1": {Number: 1}, "#007": {Number: 7}, "#": {Pattern: "#"}, "#a": {Pattern: "#a"}, "1": {Pattern: "1"}, "a/*.jpg": {Pattern: "a/*.jpg"},
	} {
		if got, err := ParsePick(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "#0", "#99999999999999999999"} {
		if _, err := ParsePick(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestEscapePattern(t *testing.T) {
	for _, text := range []string{"a.jpg", "a[1].jpg", "*", "#3", "what?.txt", "[!a]", "a\x80", `{"n": [1, 2]}`} {
		p, err := ParsePick(EscapePattern(text))
		if err != nil || p.Number > 0 || !parsePattern(p.Pattern).matches([]byte(text)) {
			t.Errorf("%q: %q does not match it: %v", text, p.Pattern, err)
		}
		if parsePattern(p.Pattern).matches([]byte(text + "x")) {
			t.Errorf("%q: %q matches more", text, p.Pattern)
		}
	}
}

// TestPickedByTheWalk: what is picked is neither sharded nor checked in another way, and numbers are those of the whole plan.
func TestPickedByTheWalk(t *testing.T) {
	t.Chdir(t.TempDir())
	var lines strings.Builder
	for i := range 20 {
		touch(t, fmt.Sprintf("in/%c/%02d.jpg", 'a'+i%2, i))
		fmt.Fprintf(&lines, `{"input":{"path":"in/%c/%02d.jpg","rel_dir":"%[1]c","file_name":"%02[2]d.jpg"}}`+"\n", 'a'+i%2, i)
	}
	touch(t, "out/a/04.jpg.txt")
	if err := os.WriteFile("list", []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		in    *template.Node
		shard *template.Node
		picks []string
		want  []string
		left  uint64
		done  uint64
		// missing are the picks that choose nothing.
		missing string
	}{
		{name: "a number", in: byExts(".jpg"), picks: []string{"#2"}, want: []string{"in/a/02.jpg"}},
		{name: "numbers", in: byExts(".jpg"), picks: []string{"#20", "#1", "#1"}, want: []string{"in/a/00.jpg", "in/b/19.jpg"}},
		{name: "a number behind the last", in: byExts(".jpg"), picks: []string{"#21"}, missing: "#21"},
		{name: "a finished item", in: byExts(".jpg"), picks: []string{"#3"}, done: 1},
		{name: "names", in: byExts(".jpg"), picks: []string{"02.jpg", "b/03.jpg", "in/b/05.jpg", "./in/b/07.jpg"}, want: []string{"in/a/02.jpg", "in/b/03.jpg", "in/b/05.jpg", "in/b/07.jpg"}},
		{name: "patterns", in: byExts(".jpg"), picks: []string{"a/*", "*/19.*"}, want: []string{"in/a/00.jpg", "in/a/02.jpg", "in/a/06.jpg", "in/a/08.jpg", "in/a/10.jpg", "in/a/12.jpg", "in/a/14.jpg", "in/a/16.jpg", "in/a/18.jpg", "in/b/19.jpg"}, done: 1},
		{name: "nothing", in: byExts(".jpg"), picks: []string{"02.jpg", "nothing", "#3"}, want: []string{"in/a/02.jpg"}, done: 1, missing: "nothing"},
		{name: "in a shard", in: byExts(".jpg"), shard: softShard("SoftShard", 2, json.Number("1")), picks: []string{"#1", "#10"}, want: []string{"in/a/02.jpg", "in/b/19.jpg"}},
		{name: "lines", in: mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "list"}), picks: []string{"#2", "a/0?.jpg"},
			want: []string{"in/a/00.jpg", "in/b/01.jpg", "in/a/02.jpg", "in/a/06.jpg", "in/a/08.jpg"}, done: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			shard := c.shard
			if shard == nil {
				shard = softShard("SoftShard", 1, json.Number("0"))
			}
			tmpl := mustCompile(t, map[string]*template.Node{
				"hard_shard_mode": folders("in", "out"), "soft_shard": shard, "input_mode": c.in, "output_mode": mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
				"finish_check_mode": checkOutput(nil),
			})
			for _, journal := range []Journal{nil, &said{}} {
				p := picks(t, c.picks...)
				w := walkFrom(t, tmpl, Options{Picker: p, Journal: journal})
				if w.err != nil {
					t.Fatal(w.err)
				}
				if diff := cmp.Diff(c.want, w.paths(t)); diff != "" {
					t.Errorf("picked, - want:\n%s", diff)
				}
				n := &w.counters
				if n.Done.Load() != c.done || n.InShard.Load()-n.Unpicked.Load() != c.done+uint64(len(c.want)) || p.Found() != c.done+uint64(len(c.want)) {
					t.Errorf("%d done, %d in the shard, %d not picked, %d found", n.Done.Load(), n.InShard.Load(), n.Unpicked.Load(), p.Found())
				}
				missing, near := p.Missing()
				if got := strings.Trim(fmt.Sprint(missing), "[]"); got != c.missing || got == "nothing" && len(near) == 0 {
					t.Errorf("missing: %q, near %d", got, len(near))
				}
				// By its key.
				if len(c.want) > 0 {
					again := walkFrom(t, tmpl, Options{Picker: picks(t, key(t, w.lines[0])), Journal: journal})
					if diff := cmp.Diff(c.want[:1], again.paths(t)); diff != "" {
						t.Errorf("by its key, - want:\n%s", diff)
					}
				}
			}
		})
	}
}

func key(t *testing.T, line string) string {
	t.Helper()
	text, err := itemkey.Of([]byte(line)).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestASourceEndsWithItsLastNumber: a run of one item does not list all others first.
func TestASourceEndsWithItsLastNumber(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a/1", "in/a/1b", "in/b/2", "in/c/3")
	tmpl := mustCompile(t, map[string]*template.Node{"hard_shard_mode": folders("in", "out"), "input_mode": byExts()})
	p := picks(t, "#1")
	s, err := New(t.Context(), tmpl, Options{Picker: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	blocks := rest(t, s)
	if len(blocks) != 1 || blocks[0].Count != 1 || s.Counters.Listed.Load() == 4 {
		t.Errorf("%d blocks, %d listed", len(blocks), s.Counters.Listed.Load())
	}
	if total, known := s.Total(); !known || total != 1 {
		t.Errorf("%d in all, %v", total, known)
	}
}

// blockList is a source of blocks.
type blockList struct{ blocks []backbones.Block }

func (g *blockList) Next(context.Context) (backbones.Block, error) {
	if len(g.blocks) == 0 {
		return backbones.Block{}, io.EOF
	}
	b := g.blocks[0]
	g.blocks = g.blocks[1:]
	return b, nil
}

func rest(t *testing.T, s backbones.Source) (blocks []backbones.Block) {
	t.Helper()
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return blocks
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
}

func all(t *testing.T, s backbones.Source) (numbers []uint64) {
	t.Helper()
	for _, b := range rest(t, s) {
		for i := range b.Count {
			numbers = append(numbers, b.First+uint64(i))
		}
	}
	return numbers
}

// blocksOf are ten items in each encoding, in two blocks; item 5 has the text {"n":5} and the key 105.
func blocksOf(encoding backbones.Encoding) *blockList {
	if encoding == backbones.Indexed {
		return &blockList{blocks: []backbones.Block{{Encoding: backbones.Indexed, Count: 10}}}
	}
	var g blockList
	for _, half := range []int{0, 5} {
		b := backbones.Block{Encoding: encoding, Count: 5, First: uint64(half)}
		var lines []string
		for i := half; i < half+5; i++ {
			lines = append(lines, fmt.Sprintf(`{"n":%d}`, i))
			b.ContentKeys = append(b.ContentKeys, uint64(100+i))
		}
		if encoding == backbones.Opaque {
			b.Payload, b.Keys = []byte("opaque"), lines
		} else {
			b.Payload, b.ContentKeys = []byte(strings.Join(lines, "\n")), nil
		}
		g.blocks = append(g.blocks, b)
	}
	return &g
}

func showNumber(n uint64) (string, uint64) { return fmt.Sprintf(`{"n":%d}`, n), 100 + n }

func TestSelect(t *testing.T) {
	for _, encoding := range []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed} {
		for _, c := range []struct {
			picks []string
			want  []uint64
		}{
			{[]string{"#1", "#10", "#5", "#11"}, []uint64{0, 4, 9}},
			{[]string{`{"n":5}`}, []uint64{5}},
			{[]string{`*[2-4]}`, "#5"}, []uint64{2, 3, 4}},
			{[]string{"nothing"}, nil},
		} {
			p := picks(t, c.picks...)
			s := Select(blocksOf(encoding), p, nil, nil, showNumber)
			if diff := cmp.Diff(c.want, all(t, s.Chosen(s))); diff != "" {
				t.Errorf("encoding %d, %q, - want:\n%s", encoding, c.picks, diff)
			}
			n, ended := s.Taken()
			if missing, _ := p.Missing(); !ended || int(n) != len(c.want) || (len(missing) > 0) != (c.want == nil || c.picks[0] == "#1") {
				t.Errorf("encoding %d, %q: %d taken, %v missing", encoding, c.picks, n, missing)
			}
		}
	}
	// In a shard of a list, numbers are those of its items.
	odd := &template.Shard{Num: 2, Idx: []uint64{1}}
	for pick, want := range map[string][]uint64{"#2": {3}, `{"n":[2-5]}`: {3, 5}} {
		s := Select(blocksOf(backbones.Indexed), picks(t, pick), odd, nil, showNumber)
		if diff := cmp.Diff(want, all(t, ShareIndexed(s.Chosen(s), odd, nil))); diff != "" {
			t.Errorf("%s in a shard, - want:\n%s", pick, diff)
		}
	}
	// Keys of opaque and listed items are their plugin's.
	for _, encoding := range []backbones.Encoding{backbones.Opaque, backbones.Indexed} {
		s := Select(blocksOf(encoding), picks(t, "0000000000000069"), nil, nil, showNumber)
		if got := all(t, s.Chosen(s)); len(got) != 1 || got[0] != 5 {
			t.Errorf("encoding %d: by key: %v", encoding, got)
		}
	}
}

// TestPieces: what is picked and limited of a block is what its items were.
func TestPieces(t *testing.T) {
	lines := func(s backbones.Source) string {
		var all []string
		for _, b := range rest(t, s) {
			all = append(all, string(b.Payload))
		}
		return strings.Join(all, "\n")
	}
	if got := lines(Select(blocksOf(backbones.JSONLines), picks(t, "#2", "#3", "#7"), nil, nil, nil)); got != "{\"n\":1}\n{\"n\":2}\n{\"n\":6}" {
		t.Error(got)
	}
	if got := lines(Limit(blocksOf(backbones.JSONLines), 7)); got != "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n{\"n\":6}" {
		t.Error(got)
	}
	for _, b := range rest(t, Select(blocksOf(backbones.Opaque), picks(t, "#3", "#9"), nil, nil, nil)) {
		if b.Skip != int(b.First)%5 || b.ContentKeys[0] != 100+b.First || len(b.Keys) != 1 {
			t.Errorf("%+v", b)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, encoding := range []backbones.Encoding{backbones.JSONLines, backbones.Opaque, backbones.Indexed} {
		for n := 1; n < 13; n++ {
			l := Limit(blocksOf(encoding), n)
			if got := all(t, l); len(got) != min(n, 10) || got[len(got)-1] != uint64(len(got)-1) || l.Left() != int64(max(n-10, 0)) || l.Taken() != int64(len(got)) {
				t.Errorf("encoding %d: the first %d are %v, %d left", encoding, n, got, l.Left())
			}
		}
	}
	// What must not begin does not count, and a barrier stays one.
	inner := &blockList{blocks: []backbones.Block{
		{Count: 2, Payload: []byte("{}\n{}"), Refused: []string{"a", "b"}}, {}, {Count: 1, First: 2, Payload: []byte("{}")}, {Count: 1, First: 3, Payload: []byte("{}")},
	}}
	l := Limit(inner, 1)
	if got := rest(t, l); len(got) != 3 || got[1].Count != 0 || len(inner.blocks) != 1 {
		t.Errorf("%+v", got)
	}
}
