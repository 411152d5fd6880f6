package cli

import (
	"encoding/json"
	"os"
	"slices"
)

// committed returns a question about an item: is its output in place? It is nil where an output need not be whole: without
// staging, and where it is a folder into which files are renamed one by one.
func (l *launch) committed() func(item string) bool {
	if l.staging == nil || !slices.Contains(l.r.described.Capabilities, "staging") || l.layout.Folder || len(l.layout.Last) == 0 {
		return nil
	}
	return func(item string) bool {
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(item), &fields) != nil {
			return false
		}
		for _, name := range l.layout.Last {
			var output struct {
				Path string `json:"path"`
			}
			// A name that is not UTF-8 is not found, and its item stays what it is.
			if json.Unmarshal(fields[name], &output) != nil || output.Path == "" {
				return false
			}
			if _, err := os.Stat(output.Path); err != nil {
				return false
			}
		}
		return true
	}
}
