package outputs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
		pid, err := strconv.Atoi(strings.Split(strings.TrimPrefix(name, newPrefix), "-")[1])
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(Owner{Host: host, PID: pid})
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
		"of this machine":                  {leave(t, root, "here-1-0123abcd", "here", second), true},
		"without a mark":                   {leave(t, root, "here-2-0123abcd", "", hour), false},
		"a mark of another name":           {leave(t, root, "here-9-0123abcX", "here", hour), false},
		"a mark of another host":           {leave(t, root, "here-10-0123abcd", "there", 25*hour), false},
		"of another machine":               {leave(t, root, "there-3-0123abcd", "there", hour), false},
		"of another machine, long ago":     {leave(t, root, "there-4-0123abcd", "there", 25*hour), true},
		"without a name, long ago":         {leave(t, root, newPrefix+"here-5-0123abcd", "here", hour), true},
		"without a name, about to get it":  {leave(t, root, newPrefix+"here-6-0123abcd", "", second), false},
		"of this machine, from the future": {leave(t, root, "here-7-0123abcd", "here", -hour), true},
		"of another one, from the future":  {leave(t, root, "there-8-0123abcd", "there", -hour), false},
	}
	// Ends of a removal, and a beginning, that a kill has cut off.
	bare := func(name string, lock bool) string {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if lock {
			if err := os.WriteFile(filepath.Join(dir, lockName), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	then := time.Now().Add(-hour)
	unmarked := bare(newPrefix+"here-12-0123abcd", true)
	for _, path := range []string{filepath.Join(unmarked, lockName), unmarked} {
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		dir  string
		gone bool
	}{
		"removed but for the folder": {bare("here-11-0123abcd", false), true},
		"not marked yet, long ago":   {unmarked, true},
		"of another form":            {bare("photos", false), false},
	} {
		cases[name] = c
	}
	s := NewStaging(root, Owner{Host: "here"}, func(o Owner) { t.Errorf("%v is taken for alive", o) })
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
		s := NewStaging(root, Owner{Host: "here"}, func(o Owner) { t.Errorf("%v is taken for alive", o) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(root); err == nil {
			t.Error("the root is there")
		}
	}
	closed()
	leave(t, root, "here-1-0123abcd", "here", time.Second)
	closed()
}
