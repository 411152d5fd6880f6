package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// The flags for batches of items of similar length, which are also keys of a template's dataloader.
const (
	batchBy     = "batch_by"
	batchWindow = "batch_window"
	// noBatchBy turns off what the template says.
	noBatchBy = "none"
	// defaultWindow is that of the Python SDK's batch_by, too.
	defaultWindow = 4096
)

const batchByWant = "size (the size of the input's file), a field of the items, or none"

func batchByFlag() Flag {
	f := flag(batchBy, "Make batches of items of similar length, instead of what the task's dataloader says: size is the size of the input's file, any other text a field of the items (a number, or the length of a text or list; dots lead into nested fields), none keeps the order of the listing", batchByWant)
	f.Type, f.Pattern = schema.String, regexp.MustCompile(`(?s).`)
	return f
}

// completeBatchBy decides by which length items are put together, and how many are sorted at a time: whole batches.
func completeBatchBy(s *Spec, log hclog.Logger) error {
	loader := dataloader(s.Template)
	key, window := s.Flags[batchBy], s.number(batchWindow, 0)
	var wrong []error
	if key == "" {
		if v := loader[batchBy]; v != nil {
			text, ok := v.(string)
			if !ok || text == "" {
				wrong = append(wrong, wrongDataloader(batchBy, v, batchByWant))
			}
			key = text
		}
	} else if s.makesBatches() && key != noBatchBy {
		return fmt.Errorf("--batch_by %s: %s makes its batches itself; hint: give its DataLoader batch_sampler=batch_by(lengths, batch_size), of kagurazaka.utils.collate", key, s.Task.Name)
	}
	if v := loader[batchWindow]; window == 0 && v != nil {
		if window = dataloaderNumber(s.Template, batchWindow, 0); window < 1 || window > maxBatch {
			wrong = append(wrong, wrongDataloader(batchWindow, v, fmt.Sprintf("an integer from 1 to %d", maxBatch)))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if key == "" || key == noBatchBy || s.makesBatches() {
		if _, given := s.Flags[batchWindow]; given {
			log.Warn("--batch_window has no effect without --batch_by")
		}
		return nil
	}
	if window == 0 {
		window = defaultWindow
	}
	size := s.batchSize()
	s.BatchBy, s.BatchWindow = key, (window+size-1)/size*size
	return nil
}

func wrongDataloader(key string, value any, want string) error {
	text, _ := json.Marshal(value)
	return fmt.Errorf("the template's dataloader: %s is %s; it must be %s", key, text, want)
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
