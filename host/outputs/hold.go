package outputs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/staging"
)

// Hold keeps the outputs of items aside until their commit is granted. Workers get other paths: a folder for each item beside their own
// staging folders, from where Commit moves the outputs into place. It is safe for concurrent use.
type Hold struct {
	HoldOptions
	staging *Staging

	mu    sync.Mutex
	items map[uint64]heldItem
}

// HoldOptions describe the outputs of a task.
type HoldOptions struct {
	// Folder and Last are those of template.Staging.
	Folder bool
	Last   []string
	// Fresh: the items were listed because their outputs did not exist. Commit leaves an output that exists as it is, unless Unfinished reports
	// that it does not count.
	Fresh      bool
	Unfinished func(path string) bool
	// Clears: what an earlier attempt has left of an item is removed before its outputs are moved into place. Otherwise it is replaced.
	Clears bool
	// Makes: the hold creates the folders for workers.
	Makes bool
}

// heldItem is an item that workers have.
type heldItem struct {
	// text is the item with its final paths.
	text string
	out  staging.Outputs
	// made is how often the run's folder had been made then.
	made int
}

// NewHold returns a hold in a run's staging folder.
func NewHold(s *Staging, options HoldOptions) *Hold {
	return &Hold{HoldOptions: options, staging: s, items: map[uint64]heldItem{}}
}

// Aside returns the block for workers, with the paths of outputs aside. It keeps the items until Commit or Drop.
func (h *Hold) Aside(b backbones.Block) (backbones.Block, error) {
	if b.Encoding != backbones.JSONLines || b.Count == 0 {
		return b, nil
	}
	own, err := h.staging.Own()
	if err != nil {
		return b, err
	}
	payload := make([]byte, 0, len(b.Payload)+b.Count*(len(own)+16))
	from, changed := 0, false
	for i, to := range b.Ends(nil) {
		if i > 0 {
			payload = append(payload, '\n')
		}
		line := b.Payload[from:to]
		from = to + 1
		held, is, err := h.aside(own, b.First+uint64(i), line)
		if err != nil {
			return b, err
		}
		changed = changed || is
		payload = append(payload, held...)
	}
	if !changed {
		return b, nil
	}
	b.Payload, b.Marshal = payload, nil
	return b, nil
}

func (h *Hold) aside(own string, number uint64, line []byte) (_ []byte, changed bool, err error) {
	out := outputsOf(line)
	if out.Main == "" && len(out.Others) == 0 {
		return line, false, nil
	}
	dir := h.dir(own, number)
	if fits := dir.Check(out) == nil; !fits {
		// The worker refuses such outputs with the same words.
		return line, false, nil
	}
	text, ok := withPaths(line, dir, out)
	if !ok {
		// A damaged item is the worker's to refuse.
		return line, false, nil
	}
	made := h.staging.times()
	h.mu.Lock()
	_, again := h.items[number]
	h.items[number] = heldItem{string(line), out, made}
	h.mu.Unlock()
	path := folderOf(own, number)
	if again {
		// A lost lease of this node had it.
		if err := os.RemoveAll(path); err != nil {
			return line, false, fmt.Errorf("emptying the folder of an item's outputs: %w", err)
		}
	}
	if h.Makes {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return line, false, fmt.Errorf("making a folder for an item's outputs: %w", err)
		}
	}
	return text, true, nil
}

// itemPrefix begins the name of an item's folder.
const itemPrefix = "i"

func folderOf(own string, number uint64) string {
	return own + string(filepath.Separator) + itemPrefix + strconv.FormatUint(number, 10)
}

func (h *Hold) dir(own string, number uint64) *staging.Dir {
	return staging.At(folderOf(own, number), h.Folder, h.Last)
}

// Has reports whether an item is held.
func (h *Hold) Has(number uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, has := h.items[number]
	return has
}

// Text is an item with its final paths; empty: it is not held.
func (h *Hold) Text(number uint64) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.items[number].text
}

// Drop removes an item and its outputs aside.
func (h *Hold) Drop(number uint64) {
	h.mu.Lock()
	_, has := h.items[number]
	delete(h.items, number)
	h.mu.Unlock()
	if has {
		// What cannot be removed goes with the run's folder.
		_ = os.RemoveAll(folderOf(h.staging.path(), number))
	}
}

// Committed is what Commit has found.
type Committed struct {
	// Appeared is the path of an output that did not exist when the item was listed. Commit has left it as it is.
	Appeared string
	// Expected is the path of the finish check's file if the item has not written it, Found what it wrote instead.
	Expected, Found string
}

// Commit moves an item's outputs into place, those of the finish check last. again: what is there was left by a node that is lost, and is
// replaced.
func (h *Hold) Commit(number uint64, again bool) (c Committed, err error) {
	h.mu.Lock()
	item, has := h.items[number]
	h.mu.Unlock()
	if !has {
		return c, nil
	}
	defer h.Drop(number)
	dir := h.dir(h.staging.path(), number)
	if h.Clears {
		dir.Clear()
	}
	err = dir.Enter(h.Fresh && !again)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h.staging.lost(item.made):
		return c, fmt.Errorf("the item's outputs are lost: somebody has removed %s while the run was at work", h.staging.root)
	case errors.Is(err, fs.ErrNotExist):
		// The item has written nothing.
		if len(h.Last) > 0 {
			c.Expected = item.out.Path(h.Last[0])
		}
		return c, nil
	case err != nil:
		return c, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	err = dir.Commit(item.out)
	appeared := new(staging.AppearedError)
	if errors.As(err, &appeared) && h.Unfinished != nil && h.Unfinished(appeared.Path) {
		dir.Replace()
		err = dir.Commit(item.out)
	}
	if errors.As(err, &appeared) {
		c.Appeared, err = appeared.Path, nil
		return c, err
	}
	_, c.Expected, c.Found = dir.TakeUnwritten()
	return c, err
}

// outputsOf are the outputs of an item as staging knows them.
func outputsOf(item []byte) (out staging.Outputs) {
	_ = jsontext.Object(item, func(key, value []byte) error {
		if !isOutput(key) {
			return nil
		}
		path := pathOf(value)
		switch {
		case path == "":
		case string(key) == outputField:
			out.Main = path
		default:
			out.Others = append(out.Others, staging.Named{Field: string(key), Path: path})
		}
		return nil
	})
	return out
}

const outputField = "output"

func isOutput(key []byte) bool {
	return string(key) == outputField || strings.HasPrefix(string(key), outputField+"_")
}

// pathOf is the member "path" of an object; empty: none.
func pathOf(value []byte) string {
	if len(value) == 0 || value[0] != '{' {
		return ""
	}
	lit := jsontext.Field(value, "path")
	if lit == nil {
		return ""
	}
	path, err := jsontext.String(lit)
	if err != nil {
		return ""
	}
	return path
}

// withPaths returns an item with the paths that its outputs have in a folder; false: its JSON is damaged.
func withPaths(item []byte, dir *staging.Dir, out staging.Outputs) ([]byte, bool) {
	text, err := rewritten(item, func(key, value []byte) ([]byte, error) {
		path := ""
		if isOutput(key) {
			path = pathOf(value)
		}
		switch {
		case path == "":
			return value, nil
		case string(key) == outputField:
			path = dir.Staged(path)
		default:
			path = dir.StagedIn(out.Main, path)
		}
		return rewritten(value, func(key, value []byte) ([]byte, error) {
			if string(key) == "path" {
				return jsontext.AppendString(nil, path), nil
			}
			return value, nil
		})
	})
	return text, err == nil
}

// rewritten returns an object whose values a function has changed.
func rewritten(object []byte, change func(key, value []byte) ([]byte, error)) ([]byte, error) {
	out := append(make([]byte, 0, len(object)+128), '{')
	err := jsontext.Object(object, func(key, value []byte) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), key...), '"', ':')
		value, err := change(key, value)
		out = append(out, value...)
		return err
	})
	return append(out, '}'), err
}
