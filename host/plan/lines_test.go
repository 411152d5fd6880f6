package plan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestBrokenLines(t *testing.T) {
	t.Chdir(t.TempDir())
	const good = `{"input":{"path":"p","rel_dir":"r","file_name":"f"}}`
	for _, c := range []struct{ mode, file, want string }{
		{"InputFromFileTripletJsonl", good + "\n{\"input\":", "reading inputs from l.jsonl:2: the line ends where a value should be"},
		{"InputFromFileTripletJsonl", "\n\n" + `{"x":1}`, `reading inputs from l.jsonl:3: the line has no "input" with path, rel_dir and file_name`},
		{"InputFromFileTripletJsonl", `{"input":{"path":"p","rel_dir":"r"}}`,
			`reading inputs from l.jsonl:1: the line has an "input" without path, rel_dir and file_name as texts`},
		{"InputFromFileTripletJsonl", `{"input":{"path":"\ud800","rel_dir":"r","file_name":"f"}}`,
			"reading inputs from l.jsonl:1: the line has half of a character (a lone surrogate) in a path"},
		{"InputFromWhateverJsonl", "[1]", "reading inputs from l.jsonl:1: the line is not a JSON object"},
		{"InputFromWhateverJsonl", "{} {}", "reading inputs from l.jsonl:1: the line goes on after the object's end at byte 3"},
		{"InputFromWhateverJsonl", `{"a":tru}`, "reading inputs from l.jsonl:1: the line has 't' at byte 6 where a value should be"},
		{"InputFromWhateverJsonl", "{\"a\":\"\xff\"}", "reading inputs from l.jsonl:1: the line is not UTF-8"},
		{"InputFromWhateverJsonl", `{"a":` + strings.Repeat("[", 2000), "reading inputs from l.jsonl:1: the line is nested more than 1000 deep"},
		{"InputFromWhateverJsonl", strings.Repeat(" ", maxLine+1<<20) + "{}", "reading inputs from l.jsonl:1: the line is longer than 32 MiB: a JSON Lines file has one item a line"},
	} {
		if err := os.WriteFile("l.jsonl", []byte(c.file), 0o644); err != nil {
			t.Fatal(err)
		}
		w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleInput: mode(c.mode, map[string]any{"jsonl_path": "l.jsonl"})}))
		var input *template.InputError
		want := c.want + "; hint: --bad-lines count leaves such lines out"
		if !errors.As(w.err, &input) || w.err.Error() != want {
			t.Errorf("%.60q: %v\nwant %s", c.file, w.err, want)
		}
	}
}

func TestBadLinesAreCounted(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat(" ", maxLine+1<<20)
	file := `{"a":1}` + "\n[1]\n" + `{"a":2}` + "\n" + long + "{}\n" + `{"a":3}` + "\n{\"a"
	if err := os.WriteFile("l.jsonl", []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "l.jsonl"})})
	w := walkWith(t, tmpl, Policy{SkipBadLines: true})
	if diff := cmp.Diff([]string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, w.lines); w.err != nil || diff != "" || w.counters.BadLines.Load() != 3 || w.counters.Listed.Load() != 3 {
		t.Errorf("%v, %d bad lines:\n%s", w.err, w.counters.BadLines.Load(), diff)
	}
	want := []string{"l.jsonl:2: the line is not a JSON object, and is left out", "3 lines are not items, and are left out"}
	if diff := cmp.Diff(want, w.messages()); diff != "" {
		t.Error(diff)
	}
	if w := walkAll(t, tmpl); w.err == nil || len(w.lines) != 1 {
		t.Errorf("without the policy: %v, %v", w.err, w.lines)
	}
}

func TestLinesOfAnyLength(t *testing.T) {
	t.Chdir(t.TempDir())
	long := `{"a":"` + strings.Repeat("x", 700<<10) + `"}`
	file := "\xef\xbb\xbf" + `{"n":NaN}` + "\r\n\n" + long + "\n" + `{"b":2}`
	if err := os.WriteFile("l.jsonl", []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "l.jsonl"})}))
	if diff := cmp.Diff([]string{`{"n":NaN}`, long, `{"b":2}`}, w.lines); w.err != nil || diff != "" {
		t.Errorf("%v\n%.300s", w.err, diff)
	}
}

// A file that has no end is read until somebody ends the listing.
func TestEndlessLines(t *testing.T) {
	for name, text := range map[string]string{"one line": "x", "empty lines": "\n"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "endless")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			gone := make(chan int)
			go func() {
				defer close(gone)
				file, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = file.Close() }()
				block := []byte(strings.Repeat(text, 1<<20))
				for err == nil {
					_, err = file.Write(block)
				}
			}()
			ctx, cancel := context.WithCancel(t.Context())
			tmpl := mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": path})})
			ticks := 0
			err := walkInputs(ctx, tmpl, walkOptions{counters: &Counters{}, Options: Options{Policy: Policy{SkipBadLines: true}}, tick: func() error {
				if ticks++; ticks == 1000 {
					cancel()
				}
				return nil
			}})
			<-gone
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// A named pipe without a writer, or with one that says nothing, keeps nobody from ending the listing.
func TestMutePipe(t *testing.T) {
	for _, written := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "mute")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if written {
			// Opened for both, it waits for nobody.
			writer, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = writer.Close() }()
			if _, err := writer.WriteString("{}\n{}"); err != nil {
				t.Fatal(err)
			}
		} else {
			cancel()
		}
		tmpl := mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": path})})
		err := walkInputs(ctx, tmpl, walkOptions{counters: &Counters{}, item: func(*Item) error {
			cancel()
			return nil
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("written %t: %v", written, err)
		}
		if !written {
			// Who still waits to open it is let go.
			writer, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_ = writer.Close()
		}
	}
}
