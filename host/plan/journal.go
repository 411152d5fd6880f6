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

// openItem is an item whose output another run is working on.
type openItem struct {
	line []byte
	// path is the output that the finish check looks for, and rel what the journal calls it.
	path, rel string
}

// Exists reports whether there is something at a path, as a finish check asks.
func Exists(file string) bool {
	_, err := localDisk{}.stat(file, true)
	return err == nil
}
