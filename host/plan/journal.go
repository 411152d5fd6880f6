package plan

import "github.com/kagurazaka/kagurazaka/host/template"

// Journal knows which of the existing outputs are not whole. One goroutine uses it.
type Journal interface {
	// Look reads what is noted now about outputs in a folder, which is relative to the output root as their paths are. Of then
	// answers for outputs that existed before the call. False: nothing is noted, so all of them are whole.
	Look(folder []byte) (bool, error)
	// Of returns the state of an existing output, by its path relative to the output root (template.Relative).
	Of(rel []byte) template.OutputState
}

// openItem is an item whose output another run is working on.
type openItem struct {
	line []byte
	// path is the output that the finish check looks for, and rel its path in the journal.
	path, rel string
}
