package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// compile makes a template of plain maps, as a mixin could give them.
func compile(t testing.TB, fields map[string]any) *template.Template {
	t.Helper()
	n := &template.Node{Kind: template.KindMap}
	for name, v := range fields {
		n.Set(name, template.Scalar(v))
	}
	tmpl, problems := template.Compile(n)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return tmpl
}

type fields = map[string]any

func files(more fields) fields {
	f := fields{
		"hard_shard_mode": fields{"input_path": "in", "output_path": "out"},
		"input_mode":      fields{"exts": []any{".jpg"}},
		"output_mode":     fields{"mode": "OutputByApendingExt", "ext": ".txt"},
		"finish_check_mode": fields{
			"output_field_suffix": nil,
		},
	}
	for k, v := range more {
		if v == nil {
			delete(f, k)
			continue
		}
		f[k] = v
	}
	return f
}

func shardOf(idx, num int) fields {
	return fields{"shard_idx": json.Number(strconv.Itoa(idx)), "shard_num": json.Number(strconv.Itoa(num))}
}

// drain reads a source to its end and checks what it promises of blocks.
func drain(t testing.TB, s backbones.Source) (lines []string, blocks int, err error) {
	t.Helper()
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines, blocks, nil
		}
		if err != nil {
			return lines, blocks, err
		}
		got := strings.Split(string(b.Payload), "\n")
		if len(got) != b.Count || b.Count > blockItems || len(b.Payload) > blockBytes+lineBytes || b.First != uint64(len(lines)) {
			t.Errorf("block of %d items from %d has %d lines, %d bytes; %d items came before", b.Count, b.First, len(got), len(b.Payload), len(lines))
		}
		blocks++
		lines = append(lines, got...)
	}
}

// lineBytes is more than a line of these tests has.
const lineBytes = 1 << 10

func TestSourceYieldsWhatIsToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	const n = 5000
	for i := range n {
		touch(t, fmt.Sprintf("in/%d/f%04d.jpg", i%3, i))
		if i%10 == 0 {
			touch(t, fmt.Sprintf("out/%d/f%04d.jpg.txt", i%3, i))
		}
	}
	s, err := New(t.Context(), compile(t, files(nil)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lines, blocks, err := drain(t, s)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l] = true
	}
	if len(seen) != n*9/10 || len(lines) != len(seen) {
		t.Errorf("%d lines, %d of them different", len(lines), len(seen))
	}
	if blocks < n*9/10/blockItems {
		t.Errorf("%d blocks", blocks)
	}
	total, known := s.Total()
	left, leftKnown := s.Remaining()
	if total != n || !known || left != 0 || !leftKnown || s.Skipped() != n/10 || s.Unlisted() != 0 || s.Counters.Listed.Load() != n {
		t.Errorf("total %d %v, remaining %d %v, skipped %d, unlisted %d", total, known, left, leftKnown, s.Skipped(), s.Unlisted())
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	s.Close()
	s.Close()
}

func TestNothingToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "out/a.jpg.txt")
	s, err := New(t.Context(), compile(t, files(nil)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if lines, _, err := drain(t, s); err != nil || len(lines) != 0 || s.Skipped() != 1 {
		t.Errorf("%v, %v, %d skipped", lines, err, s.Skipped())
	}
}

func TestSourceErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := New(t.Context(), compile(t, files(nil)), Options{}); !errors.As(err, new(*template.InputError)) {
		t.Errorf("a missing folder: %v", err)
	}
	for i := range 3000 {
		touch(t, fmt.Sprintf("in/a/%d.jpg", i))
	}
	touch(t, "in/b/1.jpg", "in/b/1.JPG")
	s, err := New(t.Context(), compile(t, files(fields{"output_mode": fields{"mode": "OutputByReplacingExt", "ext": ".png"}})), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := drain(t, s); !errors.As(err, new(*CollisionError)) {
		t.Errorf("two inputs for one output: %v", err)
	}
	if _, err := s.Next(t.Context()); !errors.As(err, new(*CollisionError)) {
		t.Errorf("asked again: %v", err)
	}
	if _, known := s.Total(); known {
		t.Error("the total is known though listing failed")
	}
}

func TestCloseWhileTheQueueIsFull(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range (queued + 3) * 50 {
		touch(t, fmt.Sprintf("in/%d.jpg", i))
	}
	var lines bytes.Buffer
	for i := range (queued + 3) * blockItems {
		fmt.Fprintf(&lines, `{"i":%d}`+"\n", i)
	}
	if err := os.WriteFile("lines.jsonl", lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), compile(t, fields{"input_mode": fields{"mode": "InputFromWhateverJsonl", "jsonl_path": "lines.jsonl"}}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := s.Next(t.Context()); err != nil || b.Count == 0 {
		t.Errorf("first block: %d items, %v", b.Count, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for err = nil; err == nil; {
		_, err = s.Next(ctx)
		if b := s.yielded.Load(); b > (queued+3)*blockItems {
			t.Fatalf("%d items", b)
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	s.Close()
}

// given yields blocks that a test made.
type given []backbones.Block

func (g *given) Next(context.Context) (backbones.Block, error) {
	if len(*g) == 0 {
		return backbones.Block{}, io.EOF
	}
	b := (*g)[0]
	*g = (*g)[1:]
	return b, nil
}

func jsonBlock(lines ...string) backbones.Block {
	return backbones.Block{Count: len(lines), Payload: []byte(strings.Join(lines, "\n"))}
}

func TestWrap(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "out/r/b.txt")
	item := func(name, more string) string {
		return fmt.Sprintf(`{"input":{"path":"p","rel_dir":"r","file_name":%q}%s}`, name, more)
	}
	out := func(name string) string {
		return fmt.Sprintf(`,"output":{"path":"out/r/%s.txt","rel_dir":"r","file_name":"%s.txt"}`, name, name)
	}
	bare := fields{"input_mode": nil, "output_mode": nil, "finish_check_mode": nil}
	with := func(more fields) fields {
		f := fields{"input_mode": nil}
		for k, v := range more {
			f[k] = v
		}
		return files(f)
	}
	for _, c := range []struct {
		name   string
		fields fields
		in     []backbones.Block
		want   []string
		done   int64
		err    string
	}{
		{"output and check", with(nil), []backbones.Block{jsonBlock(item("a", ""), item("b", "")), jsonBlock(item("c", `,"x":[1]`))},
			[]string{item("a", out("a")), item("c", `,"x":[1]`+out("c"))}, 1, ""},
		{"shard by index", files(fields{"input_mode": nil, "output_mode": nil, "finish_check_mode": nil, "soft_shard": shardOf(1, 2)}),
			[]backbones.Block{jsonBlock(`{"i":0}`, `{"i":1}`, `{"i":2}`), {}, jsonBlock(`{"i":3}`)}, []string{`{"i":1}`, `{"i":3}`}, 0, ""},
		{"nothing to apply", files(bare), []backbones.Block{jsonBlock(`{"i":0}`)}, []string{`{"i":0}`}, 0, ""},
		{"no input", with(nil), []backbones.Block{jsonBlock(`{"i":0}`)}, nil, 0,
			`reading inputs from the task's item 0: the item has no "input" with path, rel_dir and file_name`},
		{"broken input", with(nil), []backbones.Block{jsonBlock(item("a", ""), `{"input":{"path":1}}`)}, nil, 0,
			`reading inputs from the task's item 1: the item has an "input" without path, rel_dir and file_name as texts`},
		{"one item twice", with(nil), []backbones.Block{jsonBlock(item("a", ""), item("c", ""), item("a", ""))},
			[]string{item("a", out("a")), item("c", out("c"))}, 0, ""},
		{"outputs outside, as the task says", with(nil), []backbones.Block{jsonBlock(item("../../a", ""))}, []string{item("../../a", out("../../a"))}, 0, ""},
		{"one output twice", with(nil), []backbones.Block{jsonBlock(item("a", ""), item("c", ""), item("a", `,"x":1`))}, nil, 0,
			"two inputs would write one output out/r/a.txt: item 0 and p; hint: another output mode keeps them apart, or leave one of them out"},
		{"unreadable items with an output", with(nil), []backbones.Block{{Encoding: backbones.Opaque, Count: 2}}, nil, 0, ErrUnreadable.Error()},
		{"unreadable items in shards", files(fields{"input_mode": nil, "output_mode": nil, "finish_check_mode": nil, "soft_shard": shardOf(0, 2)}),
			[]backbones.Block{{Encoding: backbones.Indexed, Count: 2}}, nil, 0, ErrUnreadable.Error()},
		{"wrong count", files(bare), []backbones.Block{{Count: 3, Payload: []byte("{}\n{}")}}, nil, 0,
			"the plugin said that a block has 3 items, but it has 2 lines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := given(c.in)
			s, err := Wrap(t.Context(), compile(t, c.fields), &inner, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			lines, _, err := drain(t, s)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v\nwant  %s", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, lines); err != nil || diff != "" || s.Skipped() != c.done {
				t.Errorf("%v, %d skipped (- want, + got):\n%s", err, s.Skipped(), diff)
			}
		})
	}
	if _, err := Wrap(t.Context(), compile(t, files(nil)), &given{}, Options{}); err == nil {
		t.Error("a template that lists was wrapped around another source")
	}
}

func TestListingThatBreaksOff(t *testing.T) {
	t.Chdir(t.TempDir())
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf(`{"i":%d}`, i))
	}
	if err := os.WriteFile("l.jsonl", []byte(strings.Join(lines, "\n")+"\nbad\n{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	input := fields{"input_mode": fields{"mode": "InputFromWhateverJsonl", "jsonl_path": "l.jsonl"}}
	s, err := New(t.Context(), compile(t, input), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, _, err := drain(t, s)
	var bad *template.InputError
	if !errors.As(err, &bad) || bad.Line != 3001 || len(got) != 3000 {
		t.Errorf("%d lines came before %v", len(got), err)
	}
	if _, known := s.Total(); known {
		t.Error("the total of a listing that broke off is known")
	}
	counting, err := New(t.Context(), compile(t, input), Options{Policy: Policy{SkipBadLines: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer counting.Close()
	if got, _, err := drain(t, counting); err != nil || len(got) != 3001 || counting.Unlisted() != 1 {
		t.Errorf("%d lines, %v, %d unlisted", len(got), err, counting.Unlisted())
	}
}

func TestRefusedItemsHaveBlocksOfTheirOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	var lines []string
	for i, name := range []string{"a", "b", "../c", "/d", "e", "/f"} {
		lines = append(lines, fmt.Sprintf(`{"input":{"path":"%d","rel_dir":".","file_name":%q}}`, i, name))
	}
	if err := os.WriteFile("l.jsonl", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	tmpl := compile(t, files(fields{"input_mode": fields{"mode": "InputFromFileTripletJsonl", "jsonl_path": "l.jsonl"}}))
	s, err := New(t.Context(), tmpl, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inner := given{jsonBlock(lines...)}
	again, err := NewAgain(tmpl, &inner, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]backbones.Source{"listed": s, "taken up": again} {
		var got []string
		for {
			b, err := source.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b.Payload, []byte("\n")) + 1; n != b.Count || b.Refused != nil && len(b.Refused) != n {
				t.Errorf("%s: %d items, %d lines, %d reasons", name, b.Count, n, len(b.Refused))
			}
			got = append(got, fmt.Sprintf("%d+%d %v", b.First, b.Count, b.Refused != nil))
		}
		if diff := cmp.Diff([]string{"0+2 false", "2+2 true", "4+1 false", "5+1 true"}, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if left, known := s.Remaining(); left != 0 || !known {
		t.Errorf("%d remain, %v", left, known)
	}
}

func TestWrapPassesUnreadableItems(t *testing.T) {
	inner := given{{Encoding: backbones.Opaque, Count: 2, Payload: []byte("xy"), Keys: []string{"x", "y"}}, {Encoding: backbones.Opaque, Count: 1, Payload: []byte("z")}}
	s, err := Wrap(t.Context(), compile(t, nil), &inner, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []backbones.Block
	for {
		b, err := s.Next(t.Context())
		if err != nil {
			break
		}
		got = append(got, b)
	}
	if total, _ := s.Total(); len(got) != 2 || got[1].First != 2 || string(got[0].Payload) != "xy" || total != 3 {
		t.Errorf("total %d, blocks %+v", total, got)
	}
}

// slow yields a block, and then nothing until it is released.
type slow struct {
	blocks  given
	release chan struct{}
}

func (s *slow) Next(ctx context.Context) (backbones.Block, error) {
	if len(s.blocks) == 1 {
		select {
		case <-s.release:
		case <-ctx.Done():
			return backbones.Block{}, ctx.Err()
		}
	}
	return s.blocks.Next(ctx)
}

func TestCloseEndsAWaitingInnerSource(t *testing.T) {
	inner := &slow{blocks: given{jsonBlock(`{}`)}, release: make(chan struct{})}
	s, err := Wrap(t.Context(), compile(t, nil), inner, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := s.Next(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("after Close: %v", err)
	}
}

// Not even the counts of that many shards fit into memory.
func TestSummariseManyShards(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg")
	tmpl := compile(t, files(fields{"soft_shard": shardOf(0, 9_000_000_000_000_000_000)}))
	s, err := Summarise(t.Context(), tmpl, 1, Options{})
	if err != nil || s.Shards != nil || s.InShard != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSummarise(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range 10 {
		touch(t, fmt.Sprintf("in/%d.jpg", i))
	}
	touch(t, "out/0.jpg.txt", "out/1.jpg.txt", "out/4.jpg.txt")
	if err := os.Symlink("round", "in/round"); err != nil {
		t.Fatal(err)
	}
	tmpl := compile(t, files(fields{"soft_shard": shardOf(1, 3)}))
	s, err := Summarise(t.Context(), tmpl, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Summary{
		Listed: 10, InShard: 3, Done: 2, ToDo: 1,
		Shards: []ShardCount{{ToDo: 3, Done: 1}, {ToDo: 1, Done: 2}, {ToDo: 3}},
		First:  []json.RawMessage{json.RawMessage(`{"input":{"path":"in/./7.jpg","rel_dir":".","file_name":"7.jpg"},"output":{"path":"out/./7.jpg.txt","rel_dir":".","file_name":"7.jpg.txt"}}`)},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	s, err = Summarise(t.Context(), compile(t, files(fields{"input_mode": fields{"mode": "InputBySubDirectory", "sub_directory_level": json.Number("1")}})), 5, Options{})
	if err != nil || s.Shards != nil || s.Listed != 0 || s.WarningCount != 1 || len(s.Warnings) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Summarise(t.Context(), compile(t, fields{"hard_shard_mode": fields{"input_path": "missing", "output_path": "o"}, "input_mode": fields{"exts": []any{}}}), 5, Options{}); err == nil {
		t.Error("a missing folder was summarised")
	}
}
