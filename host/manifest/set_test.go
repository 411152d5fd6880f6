package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// More parts than may be open at once, and more lines than their buffers take.
func TestSet(t *testing.T) {
	const parts, items = 3 * setOpen, 200_000
	dir := filepath.Join(t.TempDir(), "a", "set")
	s, err := NewSet(dir, parts, false)
	if err != nil {
		t.Fatal(err)
	}
	filler := strings.Repeat("x", 500)
	line := func(i int) string { return fmt.Sprintf("%d %s", i, filler) }
	for i := range items {
		if err := s.Add(i*i%parts, []byte(line(i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{asideName}) {
		t.Fatalf("before it is closed there are %v", got)
	}
	if err := s.Close(map[string]int{"parts": parts}); err != nil {
		t.Fatal(err)
	}
	var got int
	for p := range parts {
		for l := range strings.Lines(content(t, s.Path(p))) {
			var i int
			if _, err := fmt.Sscan(l, &i); err != nil || i*i%parts != p || l != line(i)+"\n" {
				t.Fatalf("part %d has %.20q, %v", p, l, err)
			}
			got++
		}
	}
	if got != items || len(names(t, dir)) != parts+1 {
		t.Errorf("%d items in %d files", got, len(names(t, dir)))
	}
}

func TestSpill(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSet(dir, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"a", "", "with\nnewline", strings.Repeat("d", 3*bufferSize)} {
		if err := s.Spill([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Distribute(func(n uint64) int { return int(n % 2) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, s.Path(0)); got != "a\nwith\nnewline\n" {
		t.Errorf("%q", got)
	}
	if got := content(t, s.Path(1)); got != "\n"+strings.Repeat("d", 3*bufferSize)+"\n" {
		t.Errorf("%d bytes", len(got))
	}
	if got := names(t, dir); len(got) != 3 {
		t.Error(got)
	}
}

func TestSetKeepsWhatIsNotItsOwn(t *testing.T) {
	for _, name := range []string{"notes.txt", "00000-of-00002.jsonl"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := NewSet(dir, 2, true); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if got := names(t, dir); !slices.Equal(got, []string{name}) {
			t.Error(got)
		}
	}
}

func TestSetInPlaceOfAnother(t *testing.T) {
	dir := t.TempDir()
	write := func(n int, replace bool, end func(*Set) error) error {
		s, err := NewSet(dir, n, replace)
		if err != nil {
			return err
		}
		if err := s.Add(0, fmt.Append(nil, n)); err != nil {
			return err
		}
		if _, err := NewSet(dir, n, true); err == nil || !strings.Contains(err.Error(), "another command") {
			t.Errorf("a second set at the same time: %v", err)
		}
		return end(s)
	}
	whole := func(s *Set) error { return s.Close(nil) }
	if err := write(3, false, whole); err != nil {
		t.Fatal(err)
	}
	if err := write(2, false, whole); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a set was replaced: %v", err)
	}
	before := names(t, dir)
	if err := write(2, true, func(s *Set) error { s.Abort(); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, before) {
		t.Errorf("after giving up there are %v", got)
	}
	// A command that was killed leaves its folder, and any of the files.
	if err := write(4, true, func(s *Set) error { s.release(); return os.Remove(filepath.Join(dir, IndexName)) }); err != nil {
		t.Fatal(err)
	}
	if err := write(2, false, whole); err != nil {
		t.Fatal(err)
	}
	want := []string{"00000-of-00002.jsonl", "00001-of-00002.jsonl", IndexName}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("there are %v", got)
	}
}
