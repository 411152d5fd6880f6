package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// openPatience is how long a run with nothing else to do waits for the work of others. A dead host's processes are gone by then.
const openPatience = 5 * time.Second

const (
	direct = "direct"
	staged = "staged"
)

// outputs is how the outputs of a run are written.
func (s *Session) outputs(spec *Spec) (string, error) {
	if spec.packs() {
		return staged, s.packable(spec)
	}
	able := slices.Contains(s.Described.Capabilities, direct)
	if s.Flags.Outputs == direct && !able {
		return "", exitcode.Usagef("--outputs direct: %s does not keep track of outputs that it writes in place; hint: leave the flag out", s.Found.Command.Name)
	}
	if s.Flags.Outputs == direct || s.Flags.Outputs != staged && able && s.Task.Has(direct) && !s.Flags.Lends() {
		return direct, nil
	}
	return staged, nil
}

// newJournal is the journal of the outputs below a folder. Staged runs read it, too: an earlier run may have written in place, and died.
func newJournal(root, how string, owner outputs.Owner, shared func(outputs.Owner)) (*outputs.Journal, error) {
	journal, err := outputs.New(root, owner, shared)
	if err != nil {
		return nil, err
	}
	if how == staged {
		journal.ReadOnly()
	}
	// A problem of the folder is reported before anything is listed or started.
	_, err = journal.Look(nil)
	return journal, err
}

// inputJournal is the journal of the task that writes below an input folder. It is only read.
func inputJournal(folder string) plan.Journal {
	journal, err := outputs.New(folder, outputs.Owner{}, nil)
	if err != nil {
		return nil
	}
	journal.ReadOnly()
	return journal
}

func (p *Place) prepareOutputs() (err error) {
	if p.template == nil {
		return nil
	}
	how := p.spec.Outputs
	if p.looks {
		how = staged
	}
	p.notes = how == direct
	if !p.notes && !p.looks {
		p.prepareStaging()
	}
	if p.template.CanBeDirect() {
		p.journal, err = newJournal(p.template.OutputPath, how, p.Owner, func(other outputs.Owner) {
			p.Shared(other, "what it has in hand is left to it, and looked at again at the end")
		})
	}
	p.prepareHold()
	return err
}

// begin gives a worker a folder to write its outputs aside, or a page to note them in, and starts it.
func begin[W any](p *Place, open *plugin.OpenOptions, index int, start func() (W, error)) (W, error) {
	var none W
	if p.packer != nil {
		if err := p.packer.Start(); err != nil {
			return none, &backbones.FatalError{Err: err, EndsRun: true}
		}
	}
	if p.staging != nil {
		dir, err := p.staging.Worker(index)
		if err != nil {
			return none, &backbones.FatalError{Err: err}
		}
		layout, _ := p.template.Staging()
		open.Staging = &plugin.Staging{Dir: dir, Folder: layout.Folder, Last: layout.Last}
	}
	if p.journal == nil || !p.notes {
		if !p.native() && p.spec.Task.Has(direct) {
			// It checks the outputs of its items itself.
			open.Direct = p.direct()
		}
		return start()
	}
	page, err := p.journal.Worker(index)
	if err != nil {
		return none, &backbones.FatalError{Err: err}
	}
	open.Direct = p.direct()
	open.Direct.Page, open.Direct.Mapped, open.Direct.Synced = page.Path, page.Mapped, page.Synced
	open.Ended = func() {
		if err := page.Ended(); err != nil {
			p.Log.Warn("an output may be taken for finished that is not", "error", err)
		}
	}
	w, err := start()
	if err != nil {
		open.Ended()
		return none, err
	}
	page.Handed()
	return w, nil
}

// direct describes the journal for a process that checks outputs itself; nil: none.
func (p *Place) direct() *plugin.Direct {
	if p.journal == nil {
		return nil
	}
	return &plugin.Direct{
		Unfinished: p.journal.UnfinishedPath(), Run: p.journal.PagePrefix(),
		Root: p.template.OutputPath, Field: p.template.FinishField(),
	}
}

func (p *Place) closeOutputs() error {
	if p.looks {
		return nil
	}
	var err error
	if p.packer != nil {
		err = p.packer.Close()
	}
	if p.staging == nil && p.notes {
		// An earlier run may have staged its outputs, and died.
		p.prepareStaging()
	}
	if p.staging != nil {
		err = errors.Join(err, p.staging.Close())
	}
	if p.journal != nil {
		if closeErr := p.journal.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("concluding what is unfinished: %w", closeErr))
		}
	}
	return err
}

func (p *Place) prepareStaging() {
	if _, known := p.template.Staging(); known {
		consequence := "what both do is done twice, and harms nothing"
		if p.template.Packs() && len(p.template.Output.Files) > 1 {
			consequence = "what both do is done twice, and a sample that both write at the same moment may have members of both"
		}
		p.staging = outputs.NewStaging(filepath.Join(p.template.OutputPath, template.StagingFolder), p.Owner, func(other outputs.Owner) {
			p.Shared(other, consequence)
		})
	}
}

// committed returns a function that reports whether an item's output is in place. It is nil where an output that exists may be
// incomplete: a direct one without a journal, or a staged folder, whose files are renamed one by one.
func (p *Place) committed() func(item string) bool {
	if t := p.template; t != nil && t.Finish != nil && t.Finish.Changed {
		// Its age does not tell whether an output that existed was made again.
		return nil
	}
	if p.journal != nil && p.notes {
		return p.concludedOutput
	}
	if p.staging == nil || !p.spec.can("staging") || p.template.Packs() && p.template.Finish == nil {
		return nil
	}
	layout, _ := p.template.Staging()
	if layout.Folder || len(layout.Last) == 0 {
		return nil
	}
	return func(item string) bool {
		for _, name := range layout.Last {
			path := outputPath(item, name)
			if path == "" || !plan.Exists(path) || plan.Outdated(p.template, []byte(item), path) {
				return false
			}
		}
		return p.journal == nil || p.concludedOutput(item)
	}
}

// concludedOutput reports whether an item's direct output exists, and is not known to be unfinished.
func (p *Place) concludedOutput(item string) bool {
	path := outputPath(item, p.template.FinishField())
	// An output that is made again exists before, so its age tells whether it was made.
	if path == "" || !plan.Exists(path) || plan.Outdated(p.template, []byte(item), path) {
		return false
	}
	unfinished, err := p.journal.Unfinished(template.Relative(p.template.OutputPath, path))
	return err == nil && !unfinished
}

// outputPath is the path of an item's output; empty: it cannot be read. A name that is not UTF-8 is not found.
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

// mending is a source whose items may have outputs that another run noted as unfinished where no worker of this run clears the note: in
// place while this run writes aside, or from an output folder above or below.
type mending struct {
	backbones.Source
	place *Place

	mu sync.Mutex
	// marks are those of the items that were yielded, by their numbers.
	marks map[uint64][]outputs.Mark
}

// mends returns the items as a source that clears their marks once they are done.
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
