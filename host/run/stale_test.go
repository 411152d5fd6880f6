package run

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// leave makes a staging folder as a dead host leaves it, last moved some time ago. No host: without its file.
func leave(t *testing.T, root, name, host string, age time.Duration) string {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Join(dir, "w0"), 0o755); err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(dir, "w0"), dir}
	if host != "" {
		text, err := json.Marshal(Owner{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, lockName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append([]string{filepath.Join(dir, lockName)}, paths...)
	}
	then := time.Now().Add(-age)
	for _, p := range paths {
		if err := os.Chtimes(p, then, then); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhatIsStale(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out", ".staging")
	const second, hour = time.Second, time.Hour
	cases := map[string]struct {
		dir  string
		gone bool
	}{
		"of this machine":                  {leave(t, root, "here-1-aa", "here", second), true},
		"half removed":                     {leave(t, root, "here-2-aa", "", second), true},
		"of another machine":               {leave(t, root, "there-3-aa", "there", hour), false},
		"of another machine, long ago":     {leave(t, root, "there-4-aa", "there", 25*hour), true},
		"without a name, long ago":         {leave(t, root, newPrefix+"here-5-aa", "here", hour), true},
		"without a name, about to get it":  {leave(t, root, newPrefix+"here-6-aa", "", second), false},
		"of this machine, from the future": {leave(t, root, "here-7-aa", "here", -hour), true},
		"of another one, from the future":  {leave(t, root, "there-8-aa", "there", -hour), false},
	}
	s, err := NewStaging(root, Owner{Host: "here"}, func(o Owner) { t.Errorf("%v is taken for alive", o) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Worker(0); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		if _, err := os.Stat(c.dir); (err != nil) != c.gone {
			t.Errorf("%s: gone %v, want %v", name, err != nil, c.gone)
		}
	}
}

// A run that has nothing to write cleans up, too, and makes no root where there is none.
func TestStaleIsCleanedWithoutWork(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out", ".staging")
	closed := func() {
		t.Helper()
		s, err := NewStaging(root, Owner{Host: "here"}, func(o Owner) { t.Errorf("%v is taken for alive", o) })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(root); err == nil {
			t.Error("the root is there")
		}
	}
	closed()
	leave(t, root, "here-1-aa", "here", time.Second)
	closed()
}
