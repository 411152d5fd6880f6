package job

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/shard"
)

// LayOut makes the folders of a layout, and says how equal they are.
func LayOut(ctx context.Context, l shard.Layout, by string) (Division, error) {
	d := Division{Format: 1, By: by, files: true}
	switch by {
	case ByHash:
		l.Hash = plan.HashOf
	case BySize:
		l.BySize, d.Unit = true, "bytes"
	}
	parts, err := l.Make(ctx)
	if err != nil {
		return d, err
	}
	compared := make([]float64, len(parts))
	for i, p := range parts {
		d.Parts = append(d.Parts, DivisionPart{File: filepath.Join(strconv.Itoa(i), l.Name), Items: p.Items, Weight: p.Weight, dir: l.Base})
		d.Items += p.Items
		if compared[i] = float64(p.Items); l.BySize {
			compared[i] = p.Weight
		}
	}
	d.Even = shard.Even(compared)
	return d, nil
}
