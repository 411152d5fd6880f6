package ledger

import (
	"fmt"
	"strings"
)

// Missing are picked items that a listing did not have.
type Missing struct {
	Count int
	// Items are the first of them, as text.
	Items []string
}

// mostNamed is how many missing items are named, and namedLength how much of each is shown.
const (
	mostNamed   = 5
	namedLength = 200
)

// Text names the items.
func (m Missing) Text() string {
	text := strings.Join(m.Items, ", ")
	if more := m.Count - len(m.Items); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Missing are the picked items of a run that were in no block since. Call it once, after the end of the listing.
func (p *Picked) Missing(dir string, s *State) (Missing, error) {
	var m Missing
	_, err := FailedItems(dir, s, func(f *FailedItem) error {
		if !p.bag.take(f.Key) {
			return nil
		}
		m.Count++
		if len(m.Items) < mostNamed {
			text := fmt.Sprintf("item %d", f.Number)
			if item := f.Text(); item != "" {
				text += " (" + cutText(item, namedLength) + ")"
			}
			m.Items = append(m.Items, text)
		}
		return nil
	})
	return m, err
}
