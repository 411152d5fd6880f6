package sdk

import (
	"encoding/json"
	"errors"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// finisher serves STAGE_FINISH.
type finisher struct{ *stageRunner }

// batch finishes every item and commits its outputs.
func (f *finisher) batch(b *batchRun) {
	n := len(b.items)
	fields, views, _, err := stage.Unpack(b.m.GetResult(), n, f.in.memory)
	var info []json.RawMessage
	if err == nil {
		_, _, info, err = stage.Unpack(b.m.GetLoaded(), n, f.in.memory)
	}
	if err != nil {
		b.failWhole(err)
		return
	}
	for i, item := range b.items {
		out := &stage.Output{Info: info[i]}
		for t, p := range fields {
			from, to := p.Offsets[i], p.Offsets[i+1]
			out.Tensors = append(out.Tensors, stage.Tensor{DType: p.DType, Shape: p.Shapes[i], Data: views[t][from:to:to]})
		}
		if err := guard(func() error { return f.finish(item, out) }); err != nil {
			if f.in.staging != nil {
				if cleanup := f.in.staging.Discard(); cleanup != nil {
					err = errors.Join(err, cleanup)
				}
			}
			b.fail(i, err)
		}
	}
}

func (f *finisher) finish(item Item, out *stage.Output) error {
	st := f.in.staging
	if st == nil {
		return f.task.Finish(f.item(item), item, out)
	}
	item.stage = st
	outputs := outputsOf(item.raw)
	if err := st.Begin(outputs); err != nil {
		return err
	}
	if err := f.task.Finish(f.item(item), item, out); err != nil {
		return err
	}
	return st.Commit(outputs)
}
