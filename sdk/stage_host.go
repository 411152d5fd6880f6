package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// loadBatch serves STAGE_LOAD: it loads the items that are not finished, and lays them out in the region.
func (r *stageRunner) loadBatch(b *batchRun) {
	r.arena.Reset(r.in.memory, b.m.GetRegion())
	checker, _ := r.in.task.(Checker)
	collate := r.in.collate
	var loaded []stage.Fields
	var info []json.RawMessage
	var from []int // the items' positions in the batch
	for i, item := range b.items {
		mark := r.arena.Mark()
		var fields stage.Fields
		var text json.RawMessage
		skipped := false
		err := guard(func() (err error) {
			item, release, err := r.in.withFiles(item)
			if err != nil {
				return err
			}
			defer release()
			ctx := context.WithValue(r.item(item), stage.ArenaKey{}, &r.arena)
			if checker != nil {
				if skipped, err = checker.IsExecuted(ctx, item); skipped || err != nil {
					return err
				}
			}
			if fields, err = r.task.Load(ctx, item); err != nil || fields.Info == nil {
				return err
			}
			text, err = json.Marshal(fields.Info)
			return err
		})
		switch {
		case err != nil:
			r.arena.Rewind(mark)
			b.fail(i, err)
		case skipped:
			r.arena.Rewind(mark)
			b.result.Skipped = appendIndex(b.result.Skipped, i)
		default:
			loaded, info, from = append(loaded, fields), append(info, text), append(from, i)
		}
	}
	for len(loaded) > 0 {
		fields, bad, err := collate.Collate(loaded)
		if err != nil && bad >= 0 {
			b.fail(from[bad], err)
			loaded, info, from = slices.Delete(loaded, bad, bad+1), slices.Delete(info, bad, bad+1), slices.Delete(from, bad, bad+1)
			continue
		}
		var layout *stage.Layout
		if err == nil {
			layout, err = stage.Pack(fields, info, b.m.GetRegion())
		}
		if err == nil {
			layout.Fill(r.in.memory, loaded)
			b.result.Payload, err = layout.Payload()
		}
		if err != nil {
			b.failWhole(err)
		}
		return
	}
}

// finishBatch serves STAGE_FINISH: it finishes every item and commits its outputs.
func (r *stageRunner) finishBatch(b *batchRun) {
	n := len(b.items)
	fields, views, _, err := stage.Unpack(b.m.GetResult(), n, r.in.memory)
	var info []json.RawMessage
	if err == nil {
		_, _, info, err = stage.Unpack(b.m.GetLoaded(), n, r.in.memory)
	}
	if err != nil {
		b.failWhole(err)
		return
	}
	for i, item := range b.items {
		out := &stage.Output{Info: info[i]}
		for t, p := range fields {
			from, to := p.Offsets[i], p.Offsets[i+1]
			out.Tensors = append(out.Tensors, stage.Tensor{Name: p.Name, DType: p.DType, Shape: p.Shapes[i], Data: views[t][from:to:to]})
		}
		ctx := r.item(item)
		err := guard(func() error {
			return r.in.staged(ctx, func() error { return r.task.Finish(ctx, ctx.item, out) })
		})
		if err == nil {
			continue
		}
		if r.in.staging != nil {
			if cleanup := r.in.staging.Discard(); cleanup != nil {
				err = errors.Join(err, cleanup)
			}
		}
		b.fail(i, err)
	}
}
