package job

import (
	"context"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/plan"
)

// List lists the items of a run of the spec, in its order, and passes each that is to do to a function; with Need.Done the others, too, as
// far as the host knows which they are: see Spec.KnowsDone. It starts a process of the plugin only where a run needs one to list, and no
// worker. Nothing is created or changed below the output folder. After an error the summary is of what was listed before.
func (s *Session) List(ctx context.Context, spec *Spec, need plan.Need, each func(*plan.Item) error) (summary plan.Summary, err error) {
	if spec.makesBatches() {
		return summary, exitcode.Usagef("%s: it makes its batches itself, so there is no list of its items", spec.Task.Name)
	}
	p := &Place{
		PlaceOptions: PlaceOptions{Log: s.Log, Warm: s.Warm, Shared: func(outputs.Owner, string) {}, Picker: plan.NewPicker(spec.Select), Sieve: plan.NewSieve(spec.Globs)},
		spec:         spec, template: spec.compiled(), warnings: &listingWarnings{log: s.Log}, looks: true,
	}
	if p.RuntimeDir, err = s.Warm.RuntimeDir(); err != nil {
		return summary, err
	}
	if p.Made, err = s.made(spec); err != nil {
		return summary, err
	}
	defer func() {
		if err == nil {
			err = unmatched(p.Picker, false)
		}
		err = also(err, p.Close(ctx))
	}()
	if err := p.openFirst(ctx); err != nil {
		return summary, err
	}
	if err = p.prepareOutputs(); err == nil {
		err = p.preparePacking(ctx)
	}
	if err != nil {
		return summary, err
	}
	if p.native() && p.template.Input != nil {
		p.listed = true
		return plan.List(ctx, p.template, p.planOptions(), need, each)
	}
	if err := p.canList(); err != nil {
		return summary, err
	}
	lister, err := p.startLister(ctx)
	if err != nil {
		return summary, err
	}
	p.listed = true
	t := p.template
	if !p.native() {
		t = nil
	}
	own := p.sift(lister)
	if spec.Shard != nil {
		own = plan.Share(own, spec.Shard)
	}
	return plan.ListOwn(ctx, t, own, p.planOptions(), need, each)
}

// canList is the error for a task whose items nothing lists.
func (p *Place) canList() error {
	if p.spec.Task.Has("list") || !p.native() && p.template != nil {
		return nil
	}
	return exitcode.Usagef("%s: the task lists no items: its template has no input_mode, and it has no List of its own (generate_tasks, in Python)", p.spec.Task.Name)
}

// KnowsDone reports whether the host finds out which items are finished, and lists them.
func (s *Spec) KnowsDone() bool {
	t := s.compiled()
	return s.native(t) && t.Finish != nil
}

// acceptsIndexed reports whether items may be known by their place in a list alone. The host cannot tell the length of such items.
func (p *Place) acceptsIndexed() bool {
	return !p.looks && !p.spec.Lent && p.spec.BatchBy == "" && slices.Contains(Backbone(p.spec.Backbone, nil).Accepts, backbones.Indexed)
}
