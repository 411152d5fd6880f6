package pack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// A member whose first is not there when the run begins is of a dead run, or of another machine that is about to rename the first.
func TestSamplesFromElsewhere(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		out, mode := t.TempDir(), two(10)
		spooled(t, out, mode, "deep", "a.jpg", 1)
		archives, err := Read(out)
		check(t, err)
		p := NewPacker(t.Context(), archives, mode)
		p.Elsewhere = elsewhere
		check(t, p.Begin())
		check(t, p.Start())
		check(t, p.Add(spooled(t, out, mode, "deep", "a.jpg", 0)))
		// An item that is done without an output, in a folder that is there and in another.
		check(t, p.Add(filepath.Join(out, template.SpoolPath, "deep", "none.jpg~0.jpg")))
		check(t, p.Add(filepath.Join(out, template.SpoolPath, "deep/er", "none.jpg~0.jpg")))
		// What a run leaves that is killed while it looks again.
		check(t, os.WriteFile(filepath.Join(out, template.SpoolPath, "deep", "probe-0123456789abcdef"), nil, 0o600))
		if r := end(t, p); r.Strays+r.Unfit+r.Packed > 0 || r.Missing != 2 {
			t.Errorf("%+v", r)
		}
		want := []string{"deep/a.jpg: deep/a.jpg 0"}
		if elsewhere {
			want = append(want, "deep/a.seg.png: deep/a.jpg 1")
		}
		if diff := cmp.Diff([][]string{want}, archived(t, out)); diff != "" {
			t.Errorf("elsewhere %v: %s", elsewhere, diff)
		}
		if files := left(t, out); len(files) > 0 {
			t.Errorf("%v is left", files)
		}
	}
}
