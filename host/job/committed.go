package job

import (
	"encoding/json"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// committed returns a question about an item: is its output in place? It is nil where an output need not be whole: where nobody
// keeps track of direct outputs, and where a staged one is a folder into which files are renamed one by one.
func (p *Place) committed() func(item string) bool {
	if p.journal != nil && p.notes {
		return p.concludedOutput
	}
	if p.staging == nil || !p.spec.can("staging") || p.layout.Folder || len(p.layout.Last) == 0 {
		return nil
	}
	return func(item string) bool {
		for _, name := range p.layout.Last {
			path := outputPath(item, name)
			if path == "" || !plan.Exists(path) {
				return false
			}
		}
		return p.journal == nil || p.concludedOutput(item)
	}
}

// concludedOutput reports whether an item's direct output exists, and is not known to be unfinished.
func (p *Place) concludedOutput(item string) bool {
	path := outputPath(item, p.template.FinishField())
	if path == "" || !plan.Exists(path) {
		return false
	}
	unfinished, err := p.journal.Unfinished(template.Relative(p.template.OutputPath, path))
	return err == nil && !unfinished
}

// outputPath is the path of an item's output; empty where that cannot be read. A name that is not UTF-8 is not found, and its item
// stays what it is.
func outputPath(item, field string) string {
	var fields map[string]json.RawMessage
	var output struct {
		Path string `json:"path"`
	}
	if json.Unmarshal([]byte(item), &fields) != nil || json.Unmarshal(fields[field], &output) != nil {
		return ""
	}
	return output.Path
}
