package template

import (
	"bytes"
	"path"
	"strings"
)

// OutputState is what a journal says of an output that exists.
type OutputState int

const (
	// OutputWhole says that nobody has begun it without concluding it.
	OutputWhole OutputState = iota
	// OutputUnfinished says that who had begun it failed, or died.
	OutputUnfinished
	// OutputOpen says that somebody else is working on it.
	OutputOpen
)

// Journal tells which of the outputs that exist are not whole. It is for one goroutine.
type Journal interface {
	// Look reads what is noted at this moment of outputs in a folder, which is relative to the output root as theirs are. What
	// Of says afterwards counts for outputs that were there before. False: nothing is noted, so all are whole.
	Look(folder []byte) (bool, error)
	// Of tells about an output, by its path relative to the output root (see Relative).
	Of(rel []byte) OutputState
}

// Relative is what a path below a root is called in a journal: the rest behind the root, cleaned; the whole path, cleaned, where
// it does not begin with the root.
func Relative(root, file string) string {
	if rest, ok := strings.CutPrefix(file, prefix(root)); ok {
		return path.Clean(strings.TrimLeft(rest, "/"))
	}
	return path.Clean(file)
}

// Folder is the folder of a path in a journal.
func Folder(rel []byte) []byte { return rel[:max(bytes.LastIndexByte(rel, '/'), 0)] }

// Open is an item whose output somebody else is working on.
type Open struct {
	// Line is the item; it is valid during the call.
	Line []byte
	// Path is the output that the finish check looks for, and Rel what the journal calls it.
	Path, Rel string
}

// CanBeDirect reports whether the host can tell which direct outputs are whole: it knows where they are and how they are checked.
func (t *Template) CanBeDirect() bool {
	return t.output != nil && t.finish != nil && t.outputKnown
}

// FinishField is the item's field that the finish check looks at; empty without one.
func (t *Template) FinishField() string {
	if t.output == nil || t.finish == nil {
		return ""
	}
	return t.output.field(t.finish.file)
}

// Exists reports whether there is something at a path, as a finish check asks.
func Exists(file string) bool {
	_, err := pathExists(file, true)
	return err == nil
}
