package job

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/members"
)

// weighed is how many items are looked at together.
const weighed = 1024

// weighing looks at the files of items, several at a time.
type weighing struct {
	// paths are those of all items; ends are where each item's end.
	paths []string
	ends  []int
	// inTar are the bytes of each item's members of archives; -1: it has none.
	inTar []int64
	found []int64
	line  []byte
}

// add takes an item. It reports whether there are enough to be weighed.
func (w *weighing) add(i *plan.Item) (full bool) {
	if all, ok := members.Size(i.Entry); ok {
		w.ends, w.inTar = append(w.ends, len(w.paths)), append(w.inTar, all)
		return len(w.ends) >= weighed
	}
	w.inTar = append(w.inTar, -1)
	if i.Input.Path != "" {
		w.paths = append(w.paths, i.Input.Path)
	}
	w.line = manifest.AppendTriplet(w.line[:0], i.Input)
	if len(i.Entry) != len(w.line)-1 {
		for _, path := range otherInputs(i.Entry) {
			// The input may be the folder of all.
			if !strings.HasPrefix(path, i.Input.Path+"/") {
				w.paths = append(w.paths, path)
			}
		}
	}
	w.ends = append(w.ends, len(w.paths))
	return len(w.ends) >= weighed
}

// otherInputs are the paths of an item's input_ID.
func otherInputs(entry []byte) (paths []string) {
	_ = jsontext.Object(entry, func(key, value []byte) error {
		var t jsontext.Triplet
		if !strings.HasPrefix(string(key), "input_") || len(value) == 0 || value[0] != '{' {
			return nil
		}
		if _, err := t.Read(value); err == nil && t.Path != "" {
			paths = append(paths, t.Path)
		}
		return nil
	})
	return paths
}

// sizes are the bytes of the items, in their order; -1: nothing of an item can be looked at.
func (w *weighing) sizes() []int64 {
	sizes := make([]int64, len(w.paths))
	var all sync.WaitGroup
	each := (len(sizes) + runtime.GOMAXPROCS(0) - 1) / max(runtime.GOMAXPROCS(0), 1)
	for from := 0; from < len(sizes); from += each {
		all.Go(func() {
			for i := from; i < min(from+each, len(sizes)); i++ {
				sizes[i] = sizeOf(w.paths[i])
			}
		})
	}
	all.Wait()
	w.found = w.found[:0]
	from := 0
	for n, end := range w.ends {
		sum := w.inTar[n]
		for i := from; i < end; i++ {
			// The first of an item's files is its input, too.
			if sizes[i] >= 0 && !slices.Contains(w.paths[from:i], w.paths[i]) {
				sum = max(sum, 0) + sizes[i]
			}
		}
		w.found = append(w.found, sum)
		from = end
	}
	return w.found
}

func (w *weighing) reset() { w.paths, w.ends, w.inTar = w.paths[:0], w.ends[:0], w.inTar[:0] }

// sizeOf is the size of a file, or of all files below a folder; -1: it cannot be looked at.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return -1
	case !info.IsDir():
		return info.Size()
	}
	sum := int64(0)
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		// What cannot be looked at weighs nothing.
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}
