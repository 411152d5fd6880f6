package job

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// prepareHold keeps the outputs of a node's items aside until their commit is granted. Workers of a task with its own is_executed commit without a
// grant, because the task must see final paths.
func (p *Place) prepareHold() {
	if !p.spec.Lent || p.staging == nil || p.spec.Task.Has(isExecuted) || !p.native() {
		return
	}
	layout, _ := p.template.Staging()
	t := p.template
	p.hold = outputs.NewHold(p.staging, outputs.HoldOptions{
		Folder: layout.Folder, Last: layout.Last, Makes: !p.spec.can("staging"), Clears: t.Packs(),
		Fresh: t.Finish != nil && !t.Finish.Newer && !t.Finish.Changed && !p.spec.Replace,
		Unfinished: func(path string) bool {
			if p.journal == nil {
				return false
			}
			unfinished, err := p.journal.Unfinished(template.Relative(t.OutputPath, path))
			return err == nil && unfinished
		},
	})
}

// aside changes a block for the workers of a node.
func (p *Place) aside(b backbones.Block) (backbones.Block, error) {
	if p.hold == nil {
		return b, nil
	}
	return p.hold.Aside(b)
}

// dropped removes what items of lost leases have aside. The workers of other leases may have to be ended meanwhile, so it does not wait for the disk.
func (p *Place) dropped(items []backbones.Span) {
	if p.hold != nil {
		go each(items, p.hold.Drop)
	}
}

// settle commits the outputs of a node's items for which there is a grant. It is a lease.Settle.
func (p *Place) settle(ctx context.Context, o backbones.Outcomes, grant func(context.Context, []backbones.Span) (lease.Granted, error)) (backbones.Outcomes, error) {
	if p.hold == nil {
		return o, nil
	}
	for _, f := range o.Failed {
		p.hold.Drop(f.Number)
	}
	each(o.Skipped, p.hold.Drop)
	var held, done []backbones.Span
	each(o.Done, func(n uint64) {
		if p.hold.Has(n) {
			held = plus(held, n)
		} else {
			done = plus(done, n)
		}
	})
	if held == nil {
		return o, nil
	}
	o.Done, o.Skipped, o.Failed = done, slices.Clone(o.Skipped), slices.Clone(o.Failed)
	// Workers count unwritten outputs in the folder aside.
	o.Unwritten = backbones.Unwritten{}
	refused := map[uint64]bool{}
	for len(held) > 0 {
		asked := time.Now()
		granted, err := grant(ctx, held)
		if err != nil {
			return o, fmt.Errorf("asking for the commit of outputs: %w", err)
		}
		mine, again := numbers(granted.Items), numbers(granted.Again)
		var late []backbones.Span
		each(held, func(n uint64) {
			switch {
			case !mine[n]:
				refused[n] = true
				p.hold.Drop(n)
			case passed(asked) > grantTime:
				// Another coordinator may have granted it to another node meanwhile.
				late = plus(late, n)
			default:
				p.commit(&o, n, again[n])
			}
		})
		held = late
	}
	o.Attempts = slices.DeleteFunc(slices.Clone(o.Attempts), func(a backbones.Attempt) bool { return refused[a.Number] })
	return o, nil
}

// passed is the time since another, also that in which the machine slept, when the monotonic clock stands still.
func passed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}

// commit commits the outputs of one item.
func (p *Place) commit(o *backbones.Outcomes, n uint64, again bool) {
	text := p.hold.Text(n)
	c, err := p.hold.Commit(n, again)
	switch {
	case err != nil:
		o.Failed = append(o.Failed, backbones.FailedItem{Number: n, Item: text, Failure: backbones.Failure{
			Kind: backbones.KindError, Message: err.Error(), Fault: backbones.FaultEnvironment, Worker: o.Worker, Attempts: 1,
		}})
	case c.Appeared != "":
		p.warnings.warn("an output has appeared since its item was listed, by another run or program: it was left as it is, and the item counts as skipped", "path", terminal.Quote(c.Appeared))
		o.Skipped = plus(o.Skipped, n)
	default:
		if o.Done = plus(o.Done, n); c.Expected == "" {
			return
		}
		if o.Unwritten.Count++; o.Unwritten.Count == 1 {
			o.Unwritten.Expected, o.Unwritten.Found = c.Expected, c.Found
		}
	}
}

func each(spans []backbones.Span, visit func(number uint64)) {
	for _, s := range spans {
		for i := range uint64(s.Count) {
			visit(s.First + i)
		}
	}
}

func numbers(spans []backbones.Span) map[uint64]bool {
	all := map[uint64]bool{}
	each(spans, func(n uint64) { all[n] = true })
	return all
}

// plus adds a number to spans.
func plus(spans []backbones.Span, n uint64) []backbones.Span {
	if last := len(spans) - 1; last >= 0 && spans[last].First+uint64(spans[last].Count) == n {
		spans[last].Count++
		return spans
	}
	return append(spans, backbones.Span{First: n, Count: 1})
}

// folders are the run's folders, as a node must see them.
type folders struct {
	// Work is the working folder of the run, for relative paths.
	Work string `json:"work"`
	// Output is the folder of the outputs, Mark a file in it that the coordinator has made, and Owner what is in that; empty: the host does not know
	// the folder.
	Output string        `json:"output,omitempty"`
	Mark   string        `json:"mark,omitempty"`
	Owner  outputs.Owner `json:"owner,omitzero"`
	// Inputs are samples of the input folders. Nothing is written there.
	Inputs []inputFolder `json:"inputs,omitempty"`
}

type inputFolder struct {
	Path    string       `json:"path"`
	Entries []inputEntry `json:"entries"`
}

type inputEntry struct {
	Name   string `json:"name"`
	Folder bool   `json:"folder,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// folders returns the run's folders, and creates the mark.
func (p *Place) folders(work string) (f folders, err error) {
	f.Work = work
	if p.template == nil || !p.native() {
		return f, nil
	}
	if p.staging != nil {
		f.Output = absolute(work, p.template.OutputPath)
		mark, owner, err := p.staging.Mark()
		if err != nil {
			return f, err
		}
		f.Mark, f.Owner = absolute(work, mark), owner
	}
	if !p.template.Input.NeedsFolder() {
		return f, nil
	}
	roots := p.template.InputPaths
	if roots == nil {
		roots = []string{p.template.InputPath}
	}
	for _, root := range roots {
		if !template.HasMagic(root) {
			f.Inputs = append(f.Inputs, lookAt(absolute(work, root)))
		}
	}
	return f, nil
}

func absolute(work, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(work, path)
}
