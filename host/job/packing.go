package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/pack"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

const outputByTar = "OutputByTar"

// packs reports whether the outputs go into tar archives.
func (s *Spec) packs() bool {
	if s.Template == nil {
		return false
	}
	n := s.Template.Get(template.RoleOutput)
	return n != nil && n.Mode == outputByTar && !n.Custom
}

// packable says why the outputs of a run cannot go into tar archives; nil: they can.
func (s *Session) packable(spec *Spec) error {
	t := spec.compiled()
	switch {
	case t == nil:
		return nil
	case !spec.native(t):
		return notPacked(spec, t)
	case !spec.can("staging"):
		return exitcode.Usagef("%s: the plugin writes its outputs in place, and samples must not be packed before they are whole; hint: build it with an SDK that stages outputs", outputByTar)
	case s.Flags.Outputs == direct:
		return exitcode.Usagef("--outputs direct: %s packs outputs into tar archives, so they are written aside; hint: leave the flag out", outputByTar)
	case t.Finish == nil && !spec.Task.Has("is_executed") && !s.Flags.Once:
		return exitcode.Usagef("%s: it needs a finish check, because a tar archive is not changed: without one the next run would make every sample again; hint: finish_check_mode=FinishCheckByOutputFileExistence() in the task, or --mixin 'finish_check_mode={mode: FinishCheckByOutputFileExistence}'", outputByTar)
	}
	return nil
}

// notPacked is the error for a template that the host does not run.
func notPacked(spec *Spec, t *template.Template) error {
	why := spec.Task.Name + " lists its items itself"
	switch {
	case t != nil && len(t.Custom) > 0:
		why = strings.Join(t.Custom, " and ") + " is the task's own code"
	case spec.makesBatches():
		why = spec.Task.Name + " makes its batches itself"
	}
	return exitcode.Usagef("%s: the host packs the samples, so it must list the items, and %s; hint: built-in modes for all fields of the template", outputByTar, why)
}

// preparePacking reads which samples are packed, and takes up those that dead runs have left.
func (p *Place) preparePacking(ctx context.Context) (err error) {
	if p.spec.packs() && !p.template.Packs() {
		return notPacked(p.spec, p.template)
	}
	if !p.template.Packs() || p.Node {
		return nil
	}
	if p.archives, err = pack.Read(p.template.OutputPath); err != nil || p.looks {
		return err
	}
	p.packer = pack.NewPacker(ctx, p.archives, p.template.Output)
	p.packer.Elsewhere = p.spec.Lent
	return p.packer.Begin()
}

// packing is a source whose items become samples once they are done.
type packing struct {
	backbones.Source
	packer *pack.Packer

	mu sync.Mutex
	// lines are the items without an outcome, by their numbers.
	lines map[uint64][]byte
	// unwritten is how many items were done without their sample.
	unwritten int
}

// pack returns the items as a source that hands the outputs of those that are done to the packer.
func (p *Place) pack(i items) items {
	if p.packer != nil {
		s := &packing{Source: i.Source, packer: p.packer, lines: map[uint64][]byte{}}
		i.Source, i.accept = s, s.accept
	}
	return i
}

// Next records the items of a block. It waits while the packer has much to do.
func (s *packing) Next(ctx context.Context) (backbones.Block, error) {
	if err := s.packer.Room(ctx); err != nil {
		return backbones.Block{}, err
	}
	b, err := s.Source.Next(ctx)
	if err != nil || b.Refused != nil || b.Count == 0 {
		return b, err
	}
	if b.Encoding != backbones.JSONLines {
		return b, errors.New("the items are not JSON, so their outputs cannot be packed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number := b.First
	for line := range bytes.SplitSeq(b.Payload, []byte{'\n'}) {
		s.lines[number] = line
		number++
	}
	return b, nil
}

// accept takes outcomes, and makes items fail whose sample another has. Its error ends the run.
func (s *packing) accept(o backbones.Outcomes) (backbones.Outcomes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range o.Skipped {
		for i := range uint64(span.Count) {
			delete(s.lines, span.First+i)
		}
	}
	for _, f := range o.Failed {
		delete(s.lines, f.Number)
	}
	s.unwritten += o.Unwritten.Count
	var failed []backbones.FailedItem
	for _, span := range o.Done {
		for number := span.First; number < span.First+uint64(span.Count); number++ {
			line := s.lines[number]
			delete(s.lines, number)
			var output jsontext.Triplet
			// The host has written the line, and names that are not UTF-8 keep their bytes.
			_, _ = output.Read(jsontext.Field(line, "output"))
			err := s.packer.Add(output.Path)
			if why := refused(err); why != nil {
				failed = append(failed, backbones.FailedItem{
					Number: number, Item: string(line), Encoding: backbones.JSONLines,
					Failure: backbones.Failure{Kind: backbones.KindInvalidOutput, Message: why.Error(), Fault: backbones.FaultUser, Worker: o.Worker},
				})
				continue
			}
			if err != nil {
				return o, err
			}
		}
	}
	if len(failed) == 0 {
		return o, nil
	}
	o.Failed = slices.Concat(o.Failed, failed)
	o.Done = without(o.Done, failed)
	o.Attempts = slices.DeleteFunc(slices.Clone(o.Attempts), func(a backbones.Attempt) bool {
		return slices.ContainsFunc(failed, func(f backbones.FailedItem) bool { return f.Number == a.Number })
	})
	return o, nil
}

// refused returns why an item fails whose output is not packed, if the error is about that item alone.
func refused(err error) error {
	taken, unfit := new(pack.DuplicateError), new(pack.UnfitError)
	switch {
	case errors.As(err, &taken):
		return taken
	case errors.As(err, &unfit):
		return unfit
	}
	return nil
}

// without returns the spans without some of their items, which are in the spans' order.
func without(spans []backbones.Span, failed []backbones.FailedItem) (left []backbones.Span) {
	for _, s := range spans {
		end := s.First + uint64(s.Count)
		for len(failed) > 0 && failed[0].Number >= s.First && failed[0].Number < end {
			if n := int(failed[0].Number - s.First); n > 0 {
				left = append(left, backbones.Span{First: s.First, Count: n})
			}
			s.First = failed[0].Number + 1
			failed = failed[1:]
		}
		if end > s.First {
			left = append(left, backbones.Span{First: s.First, Count: int(end - s.First)})
		}
	}
	return left
}

// finishPacking packs what is left, and says what was not packed.
func (p *Place) finishPacking(ctx context.Context) error {
	if p.packer == nil {
		return nil
	}
	r, err := p.packer.Finish(ctx)
	if r.Packed > 0 {
		p.Log.Warn(count.Of(r.Packed, "sample was packed by another run meanwhile, and is left out here", "samples were packed by another run meanwhile, and are left out here"),
			"first", r.FirstPacked)
	}
	if r.Strays > 0 {
		p.Log.Warn(count.Of(r.Strays, "file that the task has written beside its outputs does not belong to a sample, and stays where it is",
			"files that the task has written beside its outputs do not belong to a sample, and stay where they are"), "first", r.FirstStray)
	}
	if err != nil {
		return fmt.Errorf("%w; hint: what is done and not packed lies in %s, and the next run packs it", err, template.Join(p.template.OutputPath, template.SpoolFolder))
	}
	if r.Unfit > 0 {
		return exitcode.With(exitcode.Partial, fmt.Errorf("%s: %s", count.Of(r.Unfit,
			"sample was not packed, and the next run does it again", "samples were not packed, and the next run does them again; the first"), r.FirstUnfit))
	}
	return nil
}

// notPackedToo adds to a run's error why samples were not packed.
func notPackedToo(err, unpacked error) error {
	switch {
	case unpacked == nil:
		return err
	case err == nil:
		return unpacked
	case exitcode.Of(unpacked) != exitcode.Partial && strings.Contains(unpacked.Error(), err.Error()):
		// What ended the run.
		return unpacked
	case exitcode.Of(unpacked) == exitcode.Partial:
		return exitcode.With(exitcode.Of(err), fmt.Errorf("%w; %w", err, unpacked))
	}
	return also(err, unpacked)
}
