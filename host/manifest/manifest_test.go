package manifest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

var odd = jsontext.Triplet{Path: "in/a\xffb\n.jpg", RelDir: "sub", FileName: "a\xffb\n.jpg"}

func TestFormats(t *testing.T) {
	for format, want := range map[Format]string{
		JSONL: `{"input":{"path":"in/a\udcffb\n.jpg","rel_dir":"sub","file_name":"a\udcffb\n.jpg"}}` + "\n",
		Null:  "in/a\xffb\n.jpg\x00",
	} {
		var b bytes.Buffer
		w := To(&b, format)
		if err := w.Triplet(odd); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("format %d: %q, %v", format, b.String(), err)
		}
	}
	w := To(io.Discard, Text)
	if err := w.Triplet(odd); err == nil || !strings.Contains(err.Error(), "-0") {
		t.Errorf("a path with a newline as a line of text: %v", err)
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	readers := map[string]func(io.Reader) (io.Reader, error){
		"plain.jsonl":   func(r io.Reader) (io.Reader, error) { return r, nil },
		"list.jsonl.gz": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"list.zst":      func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for name, reader := range readers {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := Create(path, JSONL)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Line([]byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		if old, err := os.ReadFile(path); err != nil || string(old) != "old" {
			t.Errorf("%s before it is closed: %q, %v", name, old, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := reader(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != "{\"a\":1}\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAbortLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "list"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("list", link); err != nil {
		t.Fatal(err)
	}
	w, err := Create(link, JSONL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 3*bufferSize)); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := Create(dir, JSONL); err == nil {
		t.Error("a folder was taken for a file")
	}
	if _, err := Create(filepath.Join(dir, "none", "list"), JSONL); err == nil || strings.Contains(err.Error(), ".new-") {
		t.Errorf("a file in a folder that is not there: %v", err)
	}
}

// TestCreateFollowsLinks: a list is where the link leads, as with other programs that write to FILE.
func TestCreateFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	for link, target := range map[string]string{"to-file.gz": "deep/file", "to-nothing": "deep/new", "to-link": "to-nothing", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "deep", "file")
	if err := os.WriteFile(file, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"to-file.gz", "to-link"} {
		w, err := Create(filepath.Join(dir, link), JSONL)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(filepath.Join(dir, link)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is replaced: %v, %v", link, info, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o640 {
		t.Errorf("the permissions of the replaced file: %v, %v", info, err)
	}
	// The name that was given says that it is compressed.
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gzip.NewReader(f); err != nil {
		t.Errorf("a link whose name ends in .gz: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "deep", "new")); err != nil {
		t.Errorf("behind a link to nothing: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "loop"), JSONL); err == nil || !strings.Contains(err.Error(), "loop cannot be written") {
		t.Errorf("a link to itself: %v", err)
	}
}
