package job

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plan"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// openPatience is how long a run waits for what others have in hand, when it has nothing else to do. The processes of a host that is
// dead are gone within that time.
const openPatience = 5 * time.Second

const (
	direct = "direct"
	staged = "staged"
)

// outputs is how the task's outputs are written.
func (s *Session) outputs() (string, error) {
	able := slices.Contains(s.Described.Capabilities, direct)
	if s.Flags.Outputs == direct && !able {
		return "", exitcode.Usagef("--outputs direct: %s does not keep track of outputs that it writes in place; hint: leave the flag out", s.Found.Command.Name)
	}
	if s.Flags.Outputs == direct || s.Flags.Outputs != staged && able && s.Task.Has(direct) {
		return direct, nil
	}
	return staged, nil
}

// newJournal is the journal of the outputs below a folder. A run that writes them aside asks it, too: they may be those of a run that
// wrote in place, and did not come to its end.
func newJournal(root, how string, owner outputs.Owner, shared func(outputs.Owner)) (*outputs.Journal, error) {
	journal, err := outputs.New(root, owner, shared)
	if err != nil {
		return nil, err
	}
	if how == staged {
		journal.ReadOnly()
	}
	// What is wrong with the folder is said before anything is listed, or started.
	_, err = journal.Look(nil)
	return journal, err
}

// prepareOutputs makes ready how outputs are written.
func (p *Place) prepareOutputs() error {
	if p.template == nil {
		return nil
	}
	p.notes = p.spec.Outputs == direct
	if !p.notes {
		p.prepareStaging()
	}
	if !p.template.CanBeDirect() {
		return nil
	}
	var err error
	p.journal, err = newJournal(p.template.OutputPath, p.spec.Outputs, p.Owner, func(other outputs.Owner) {
		p.Shared(other, "what it has in hand is left to it, and looked at again at the end")
	})
	return err
}

// planJournal is the journal for the listing; nil: none.
func (p *Place) planJournal() plan.Journal {
	if p.journal == nil {
		return nil
	}
	return p.journal
}

// page gives a worker a page to note in what it has begun. The functions it returns are never nil: handed is to be called when the
// worker is there, gone when it could not be started.
func (p *Place) page(open *plugin.OpenOptions, index int) (handed, gone func(), err error) {
	nothing := func() {}
	if p.journal == nil {
		return nothing, nothing, nil
	}
	if !p.notes {
		if !p.native() && p.spec.Task.Has(direct) {
			// It checks the outputs of its items itself.
			open.Direct = p.direct()
		}
		return nothing, nothing, nil
	}
	page, err := p.journal.Worker(index)
	if err != nil {
		return nil, nil, &backbones.FatalError{Err: err}
	}
	ended := func() {
		if err := page.Ended(); err != nil {
			p.Log.Warn("an output may be taken for finished that is not", "error", err)
		}
	}
	open.Ended = ended
	open.Direct = p.direct()
	open.Direct.Page, open.Direct.Mapped, open.Direct.Synced = page.Path(), page.Mapped(), page.Synced()
	return page.Handed, ended, nil
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

// begin prepares a worker's outputs, and starts it.
func begin[W any](p *Place, open *plugin.OpenOptions, index int, start func() (W, error)) (W, error) {
	var none W
	if err := p.stageOutputs(open, index); err != nil {
		return none, err
	}
	handed, gone, err := p.page(open, index)
	if err != nil {
		return none, err
	}
	w, err := start()
	if err != nil {
		gone()
		return none, err
	}
	handed()
	return w, nil
}

// closeOutputs ends what was made for outputs.
func (p *Place) closeOutputs() error {
	var err error
	if p.staging == nil && p.notes {
		// An earlier run may have staged its outputs, and died.
		p.prepareStaging()
	}
	if p.staging != nil {
		err = p.staging.Close()
	}
	if p.journal != nil {
		if closeErr := p.journal.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("concluding what is unfinished: %w", closeErr))
		}
	}
	return err
}

// stageOutputs gives a worker a folder to write its outputs to before they are committed.
func (p *Place) stageOutputs(open *plugin.OpenOptions, index int) error {
	if p.staging == nil {
		return nil
	}
	dir, err := p.staging.Worker(index)
	if err != nil {
		return &backbones.FatalError{Err: err}
	}
	open.Staging = &plugin.Staging{Dir: dir, Folder: p.layout.Folder, Last: p.layout.Last}
	return nil
}

func (p *Place) prepareStaging() {
	layout, ok := p.template.Staging()
	if !ok {
		return
	}
	p.layout = layout
	p.staging = outputs.NewStaging(filepath.Join(p.template.OutputPath, template.StagingFolder), p.Owner, func(other outputs.Owner) {
		p.Shared(other, "what both do is done twice, and harms nothing")
	})
}
