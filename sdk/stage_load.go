package sdk

import (
	"context"
	"encoding/json"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// loader serves STAGE_LOAD.
type loader struct {
	*stageRunner
	arena stage.Arena
}

// batch loads what is not finished and lays it out in the region.
func (l *loader) batch(b *batchRun) {
	l.arena.Reset(l.in.memory, b.m.GetRegion())
	checker, _ := l.in.task.(Checker)
	var loaded []stage.Fields
	var info []json.RawMessage
	var from []int // the items' positions in the batch
	for i, item := range b.items {
		mark := l.arena.Mark()
		var fields stage.Fields
		var text json.RawMessage
		skipped := false
		err := guard(func() (err error) {
			ctx := context.WithValue(l.item(item), stage.ArenaKey{}, &l.arena)
			if checker != nil {
				if skipped, err = checker.IsExecuted(ctx, item); skipped || err != nil {
					return err
				}
			}
			if fields, err = l.task.Load(ctx, item); err != nil || fields.Info == nil {
				return err
			}
			text, err = json.Marshal(fields.Info)
			return err
		})
		switch {
		case err != nil:
			l.arena.Rewind(mark)
			b.fail(i, err)
		case skipped:
			l.arena.Rewind(mark)
			b.result.Skipped = appendIndex(b.result.Skipped, i)
		default:
			loaded, info, from = append(loaded, fields), append(info, text), append(from, i)
		}
	}
	for len(loaded) > 0 {
		fields, bad, err := stage.Collate(loaded)
		if err != nil && bad >= 0 {
			b.fail(from[bad], err)
			loaded, info, from = without(loaded, bad), without(info, bad), without(from, bad)
			continue
		}
		if err == nil {
			err = l.lay(b, fields, info, loaded)
		}
		if err != nil {
			b.failWhole(err)
		}
		break
	}
}

func (l *loader) lay(b *batchRun, fields []stage.Packed, info []json.RawMessage, loaded []stage.Fields) error {
	layout, err := stage.Pack(fields, info, b.m.GetRegion())
	if err != nil {
		return err
	}
	layout.Fill(l.in.memory, loaded)
	b.result.Payload, err = layout.Payload()
	return err
}

func without[T any](s []T, i int) []T { return append(s[:i:i], s[i+1:]...) }
