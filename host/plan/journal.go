package plan

import (
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Journal tells which of the outputs that exist are not whole. It is for one goroutine.
type Journal interface {
	// Look reads what is noted at this moment of outputs in a folder, which is relative to the output root as theirs are. What
	// Of says afterwards counts for outputs that were there before. False: nothing is noted, so all are whole.
	Look(folder []byte) (bool, error)
	// Of tells about an output, by its path relative to the output root (see Relative).
	Of(rel []byte) template.OutputState
}

// Open is an item whose output somebody else is working on.
type Open struct {
	// Line is the item; it is valid during the call.
	Line []byte
	// Path is the output that the finish check looks for, and Rel what the journal calls it.
	Path, Rel string
}

// Exists reports whether there is something at a path, as a finish check asks.
func Exists(file string) bool {
	_, err := pathExists(file, true)
	return err == nil
}
