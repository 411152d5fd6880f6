package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// packed is a text as gzip or zstd writes it.
func packed(t testing.TB, suffix, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch suffix {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".zst":
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d,\"x\":%d}\n", i, i*i*7919%10007)
	}
	return b.String()
}

func walkFile(t testing.TB, path string) *walked {
	t.Helper()
	return walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": path})}))
}

func TestCompressedLines(t *testing.T) {
	t.Chdir(t.TempDir())
	text := manyLines(5000)
	want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, suffix := range []string{".gz", ".zst"} {
		data := packed(t, suffix, text)
		// Files that were joined are one list, whatever their name is.
		twice := append(bytes.Clone(data), data...)
		for name, file := range map[string][]byte{"l.jsonl" + suffix: data, "l.jsonl": data} {
			if err := os.WriteFile(name, file, 0o644); err != nil {
				t.Fatal(err)
			}
			w := walkFile(t, name)
			if diff := cmp.Diff(want, w.lines); w.err != nil || diff != "" {
				t.Errorf("%s as %s: %v\n%.300s", suffix, name, w.err, diff)
			}
		}
		if err := os.WriteFile("twice", twice, 0o644); err != nil {
			t.Fatal(err)
		}
		if w := walkFile(t, "twice"); w.err != nil || len(w.lines) != 2*len(want) {
			t.Errorf("twice %s: %d lines, %v", suffix, len(w.lines), w.err)
		}
	}
	// A server may have unpacked a file that has kept its name.
	if err := os.WriteFile("plain.gz", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if w := walkFile(t, "plain.gz"); w.err != nil || len(w.lines) != len(want) {
		t.Errorf("plain: %d lines, %v", len(w.lines), w.err)
	}
}

// A list that was cut off anywhere is an error that names the line reached, and all lines before it are whole.
func TestCutOffLists(t *testing.T) {
	t.Chdir(t.TempDir())
	text := manyLines(100)
	want := strings.Split(text, "\n")
	for suffix, form := range map[string]string{".gz": "gzip", ".zst": "Zstandard"} {
		data, path := packed(t, suffix, text), "l.jsonl"+suffix
		for size := range len(data) {
			if err := os.WriteFile(path, data[:size], 0o644); err != nil {
				t.Fatal(err)
			}
			w := walkWith(t, mustCompile(t, map[string]*template.Node{
				template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": path}),
			}), Policy{SkipBadLines: true})
			var input *template.InputError
			if !errors.As(w.err, &input) || !strings.Contains(w.err.Error(), "the "+form+" data ends too early: the file was cut off") {
				t.Fatalf("%d bytes of %s: %v", size, path, w.err)
			}
			if n := len(w.lines); n > 0 && (input.Line != uint64(n+1) || !cmp.Equal(w.lines, want[:n])) {
				t.Fatalf("%d bytes of %s: %d lines, and the error names line %d", size, path, n, input.Line)
			}
		}
	}
}

func TestDamagedList(t *testing.T) {
	t.Chdir(t.TempDir())
	for suffix, form := range map[string]string{".gz": "gzip", ".zst": "Zstandard"} {
		data := packed(t, suffix, manyLines(4000))
		data[len(data)-6] ^= 0xff
		if err := os.WriteFile("l"+suffix, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if w := walkFile(t, "l"+suffix); w.err == nil || !strings.Contains(w.err.Error(), "the "+form+" data is damaged: ") {
			t.Errorf("%s: %v", suffix, w.err)
		}
	}
}
