package job

import (
	"bytes"
	"context"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// mending is a source whose items may have outputs that are noted as unfinished where no worker of this run concludes them: those of a
// run that wrote in place, while this one writes aside, or whose output folder lay above or below this one's.
type mending struct {
	backbones.Source
	place *Place

	mu sync.Mutex
	// marks are those of the items that were handed out, by their numbers.
	marks map[uint64][]outputs.Mark
}

// mends makes the items clear their marks once they are done.
func (p *Place) mends(i items) items {
	if p.journal != nil {
		m := &mending{Source: i.Source, place: p, marks: map[uint64][]outputs.Mark{}}
		i.Source, i.done = m, m.done
	}
	return i
}

// Next records the items of a block.
func (m *mending) Next(ctx context.Context) (backbones.Block, error) {
	b, err := m.Source.Next(ctx)
	if err != nil || b.Encoding != backbones.JSONLines || b.Refused != nil || !m.place.journal.Noted() {
		return b, err
	}
	field, root := m.place.template.FinishField(), m.place.template.OutputPath
	number := b.First
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		if path := outputPath(string(line), field); path != "" {
			if marks := m.place.journal.Marks(template.Relative(root, path)); len(marks) > 0 {
				m.mu.Lock()
				m.marks[number] = marks
				m.mu.Unlock()
			}
		}
		number++
	}
	return b, nil
}

// done clears the marks of items that are done.
func (m *mending) done(spans []backbones.Span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.marks) == 0 {
		return
	}
	var marks []outputs.Mark
	for _, s := range spans {
		for i := range uint64(s.Count) {
			if found, ok := m.marks[s.First+i]; ok {
				marks = append(marks, found...)
				delete(m.marks, s.First+i)
			}
		}
	}
	if err := outputs.Mend(marks); err != nil {
		m.place.Log.Warn("outputs that are whole are still called unfinished: the next run will do them again", "error", err)
	}
}
