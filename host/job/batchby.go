package job

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// The flags for batches of items of similar length, which are also keys of a template's dataloader.
const (
	batchBy     = template.DataloaderBatchBy
	batchWindow = template.DataloaderBatchWindow
	// noBatchBy turns off what the template says.
	noBatchBy = "none"
	// defaultWindow is that of the Python SDK's batch_by, too.
	defaultWindow = 4096
)

func batchByFlag() Flag {
	f := flag(batchBy, "Make batches of items of similar length, instead of what the task's dataloader says: size is the size of the input's file, any other text a field of the items (a number, or the length of a text or list; dots lead into nested fields), none keeps the order of the listing",
		"size (the size of the input's file), a field of the items, or none")
	f.Type, f.Pattern = schema.String, regexp.MustCompile(`(?s).`)
	return f
}

// completeBatchBy decides by which length items are put together, and how many are sorted at a time: whole batches.
func completeBatchBy(s *Spec, log hclog.Logger) error {
	key := s.Flags[batchBy]
	if key != "" && key != noBatchBy && s.makesBatches() {
		return fmt.Errorf("--batch_by %s: %s makes its batches itself; hint: give its DataLoader batch_sampler=batch_by(lengths, batch_size), of kagurazaka.utils.collate", key, s.Task.Name)
	}
	if key == "" {
		key, _ = dataloader(s.Template)[template.DataloaderBatchBy].(string)
	}
	if key == "" || key == noBatchBy || s.makesBatches() {
		if _, given := s.Flags[batchWindow]; given {
			log.Warn("--batch_window has no effect without --batch_by")
		}
		return nil
	}
	window := s.number(batchWindow, dataloaderNumber(s.Template, template.DataloaderBatchWindow, defaultWindow))
	size := s.batchSize()
	s.BatchBy, s.BatchWindow = key, (window+size-1)/size*size
	return nil
}

// batchSize is the number of items in a batch of a device task.
func (s *Spec) batchSize() int {
	size := dataloaderNumber(s.Template, "batch_size", 1)
	if s.staged() {
		return s.number("batch_size", size)
	}
	return size
}

// byLength puts items of similar length together if the run has a BatchBy. It comes last before the backbone: the ledger has seen the items in
// the order of the listing, and each keeps its number.
func (p *Place) byLength(i items) items {
	if p.spec.BatchBy == "" {
		return i
	}
	source := plan.NewBatchBy(i.Source, plan.BatchByOptions{Key: p.spec.BatchBy, Window: p.spec.BatchWindow, Warn: p.warnings.met})
	figures := i.figures
	i.Source, i.figures = source, func() run.Figures {
		// In this order, an item that is read meanwhile is counted twice rather than not at all.
		f := figures()
		f.Remaining += source.Held()
		return f
	}
	return i
}
