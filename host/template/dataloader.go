package template

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The keys of a dataloader that are the host's, and not torch's.
const (
	// DataloaderBatchBy is the length by which items are put into batches.
	DataloaderBatchBy = "batch_by"
	// DataloaderBatchWindow is how many items are sorted by it at a time.
	DataloaderBatchWindow = "batch_window"
)

// MaxBatchWindow is the most items that are sorted at a time.
const MaxBatchWindow = 1 << 20

// dataloader checks the keys that are the host's. The others are the plugin's.
func (c *compiler) dataloader(n *Node) {
	if n.Kind != KindMap {
		return
	}
	if by := n.Get(DataloaderBatchBy); !by.IsNull() && by.Kind != KindPlaceholder {
		if text, ok := by.Plain().(string); !ok || text == "" {
			c.problem(RoleDataloader+"."+DataloaderBatchBy, by, fmt.Sprintf("is %s; it must be size (the size of the input's file), a field of the items, or none", show(by)), "")
		}
	}
	if window := n.Get(DataloaderBatchWindow); !window.IsNull() && window.Kind != KindPlaceholder {
		number, _ := window.Plain().(json.Number)
		if v, err := strconv.Atoi(number.String()); err != nil || v < 1 || v > MaxBatchWindow {
			c.problem(RoleDataloader+"."+DataloaderBatchWindow, window, fmt.Sprintf("is %s; it must be an integer from 1 to %d", show(window), MaxBatchWindow), "")
		}
	}
}
