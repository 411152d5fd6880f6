package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
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
func (r *resolved) outputs() (string, error) {
	able := slices.Contains(r.described.Capabilities, direct)
	switch r.grammar.Outputs {
	case direct:
		if !able {
			return "", usage("--outputs direct: %s does not keep track of outputs that it writes in place; leave the flag out", r.found.Command.Name)
		}
		return direct, nil
	case staged:
		return staged, nil
	}
	if able && r.task.Has(direct) {
		return direct, nil
	}
	return staged, nil
}

// notFolder is what to tell where outputs cannot lie in what is there under the output folder's name.
func notFolder(root string) []problem.Problem {
	if info, err := os.Stat(root); root == "" || err != nil || info.IsDir() {
		return nil
	}
	return []problem.Problem{{Message: fmt.Sprintf("the output folder %s is not a folder", root), Suggestion: "give a folder, or a name that nothing has yet"}}
}

// readJournal is the journal for a command that starts no worker; nil: there is none.
func (r *resolved) readJournal() (plan.Journal, error) {
	how, err := r.outputs()
	if err != nil || !r.template.CanBeDirect() {
		return nil, err
	}
	return newJournal(r.template.OutputRoot(), how, outputs.Owner{}, nil)
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
func (l *launch) prepareOutputs() error {
	if l.r.template == nil {
		return nil
	}
	how, err := l.r.outputs()
	if err != nil {
		return err
	}
	l.notes = how == direct
	if how == staged {
		if err := l.prepareStaging(); err != nil {
			return err
		}
	}
	if !l.r.template.CanBeDirect() {
		return nil
	}
	l.journal, err = newJournal(l.r.template.OutputRoot(), how, l.keep.owner(), func(other outputs.Owner) {
		l.keep.tellOf(other, "what it has in hand is left to it, and looked at again at the end")
	})
	return err
}

// planJournal is the journal for the listing; nil: there is none.
func (l *launch) planJournal() plan.Journal {
	if l.journal == nil {
		return nil
	}
	return l.journal
}

// page gives a worker a page to note in what it has begun. The functions it returns are never nil: handed is to be called when the
// worker is there, gone when it could not be started.
func (l *launch) page(open *plugin.OpenOptions, index int) (handed, gone func(), err error) {
	nothing := func() {}
	if l.journal == nil {
		return nothing, nothing, nil
	}
	if !l.notes {
		if !l.r.native() && l.r.task.Has(direct) {
			// It checks the outputs of its items itself.
			open.Direct = l.direct()
		}
		return nothing, nothing, nil
	}
	page, err := l.journal.Worker(index)
	if err != nil {
		return nil, nil, &backbones.FatalError{Err: err}
	}
	ended := func() {
		if err := page.Ended(); err != nil {
			l.r.log.Warn("an output may be taken for finished that is not", "error", err)
		}
	}
	open.Ended = ended
	open.Direct = l.direct()
	open.Direct.Page, open.Direct.Mapped, open.Direct.Synced = page.Path(), page.Mapped(), page.Synced()
	return page.Handed, ended, nil
}

// direct is what a process that checks outputs itself is told of the journal; nil: there is none.
func (l *launch) direct() *plugin.Direct {
	if l.journal == nil {
		return nil
	}
	return &plugin.Direct{
		Unfinished: l.journal.UnfinishedPath(), Run: l.journal.PagePrefix(),
		Root: l.r.template.OutputRoot(), Field: l.r.template.FinishField(),
	}
}

// begin prepares a worker's outputs, and starts it.
func begin[W any](l *launch, open *plugin.OpenOptions, index int, start func() (W, error)) (W, error) {
	var none W
	if err := l.stageOutputs(open, index); err != nil {
		return none, err
	}
	handed, gone, err := l.page(open, index)
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

// stillOpen is how many items others were working on to the end; nil: nobody can say.
func (l *launch) stillOpen() func() int64 {
	if l.planned == nil {
		return nil
	}
	return l.planned.StillOpen
}

// concluded takes the number of items that have their outcome; nil: nobody wants to know.
func (l *launch) concluded() func(int) {
	if l.planned == nil {
		return nil
	}
	return l.planned.Concluded
}

// closeOutputs ends what was made for outputs.
func (l *launch) closeOutputs() error {
	var err error
	if l.staging == nil && l.notes {
		// An earlier run may have staged its outputs, and died.
		if prepareErr := l.prepareStaging(); prepareErr != nil {
			return prepareErr
		}
	}
	if l.staging != nil {
		err = l.staging.Close()
	}
	if l.journal != nil {
		if closeErr := l.journal.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("concluding what is unfinished: %w", closeErr))
		}
	}
	return err
}

// stageOutputs gives a worker a folder to write its outputs to before they are committed.
func (l *launch) stageOutputs(open *plugin.OpenOptions, index int) error {
	if l.staging == nil {
		return nil
	}
	dir, err := l.staging.Worker(index)
	if err != nil {
		return &backbones.FatalError{Err: err}
	}
	open.Staging = &plugin.Staging{Dir: dir, Folder: l.layout.Folder, Last: l.layout.Last}
	return nil
}

func (l *launch) prepareStaging() error {
	layout, ok := l.r.template.Staging()
	if !ok {
		return nil
	}
	staging, err := outputs.NewStaging(filepath.Join(l.r.template.OutputRoot(), template.StagingFolder), l.keep.owner(), l.keep.shared)
	if err != nil {
		return err
	}
	l.staging, l.layout = staging, layout
	return nil
}
