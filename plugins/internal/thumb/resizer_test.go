package thumb

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestManyAtOnce makes thumbnails of different pictures in several goroutines and compares them with those made one by one.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for name, data := range inputs(t) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	paths(t, defaults, func(t *testing.T, r *Resizer) {
		out := t.TempDir()
		want := map[string][]byte{}
		for _, name := range names {
			path := filepath.Join(out, name+".jpg")
			if err := r.File(t.Context(), filepath.Join(dir, name), path); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want[name] = data
		}
		var workers sync.WaitGroup
		for w := range 6 {
			workers.Go(func() {
				for i := range names {
					name := names[(i+2*w)%len(names)]
					path := filepath.Join(out, fmt.Sprint(w, name, ".jpg"))
					if err := r.File(t.Context(), filepath.Join(dir, name), path); err != nil {
						t.Errorf("%s: %v", name, err)
						continue
					}
					if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, want[name]) {
						t.Errorf("%s: another thumbnail than before, or none (%v)", name, err)
					}
				}
			})
		}
		workers.Wait()
		if len(r.idle) < 1 || len(r.idle) > 6 {
			t.Errorf("%d sets of buffers for 6 goroutines", len(r.idle))
		}
	})
}

// TestDescribe checks that a user who looks at the log can tell how pictures are decoded, and why.
func TestDescribe(t *testing.T) {
	t.Setenv("KAGURAZAKA_TURBOJPEG", filepath.Join(t.TempDir(), "none.so"))
	r, err := New(defaults)
	if err != nil {
		t.Fatal(err)
	}
	how, why := r.Describe()
	if !strings.Contains(how, "image/jpeg") || why == nil {
		t.Errorf("%q, %v", how, why)
	}
	checkRamp(t, mustShow(t, r, fixture(t, "progressive.jpg"), formatJPEG), 24, 16, 1, 5, shrunk(2))
}
