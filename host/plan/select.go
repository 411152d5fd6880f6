package plan

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Selection is a choice of some of a plan's items, as data. The zero value takes all.
type Selection struct {
	Picks []Pick `json:"picks,omitempty"`
}

// Pick chooses items by their number or by a pattern.
type Pick struct {
	// Number is the item's place in the plan, from 1; 0: Pattern chooses.
	Number uint64 `json:"number,omitempty"`
	// Pattern is matched as Python's fnmatch does it against an item's path, its REL_DIR/FILE_NAME, its name, its printable form and its
	// key. One that is equal to such a text always matches it.
	Pattern string `json:"pattern,omitempty"`
}

// ParsePick reads #N, the N-th item of the plan, or a pattern.
func ParsePick(text string) (Pick, error) {
	if text == "" {
		return Pick{}, errors.New("must be #N, the N-th item of the plan, or a pattern for paths and names")
	}
	digits, isNumber := strings.CutPrefix(text, "#")
	if !isNumber || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Pick{Pattern: text}, nil
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 {
		return Pick{}, fmt.Errorf("the first item is #1, and there is no #%s", digits)
	}
	return Pick{Number: n}, nil
}

func (p Pick) String() string {
	if p.Number > 0 {
		return fmt.Sprintf("#%d", p.Number)
	}
	return p.Pattern
}

// EscapePattern returns the pattern that matches a text and nothing else.
func EscapePattern(text string) string {
	if strings.HasPrefix(text, "#") {
		text = "[#]" + EscapePattern(text[1:])
		return text
	}
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(text)
}

// Picker finds the items of a Selection in one listing. Any goroutine may call its methods.
type Picker struct {
	mu    sync.Mutex
	picks []pick
	// last is the highest number of all if there are no patterns, else 0. keys: a pattern may be a key.
	last uint64
	keys bool
	// near are the names of the first items, for suggestions.
	near []string
	// all says that the listing was picked from to its end; found is how many items were picked.
	all   bool
	found uint64
	// seen is the number of items that were judged.
	seen uint64
}

type pick struct {
	Pick
	glob
	// clean is the pattern as a path in its shortest form.
	clean string
	found bool
}

// NewPicker returns nil for a selection that takes all.
func NewPicker(s Selection) *Picker {
	if len(s.Picks) == 0 {
		return nil
	}
	p := &Picker{}
	for _, one := range s.Picks {
		next := pick{Pick: one}
		if one.Number == 0 {
			next.glob, next.clean = parseGlob(one.Pattern), path.Clean(one.Pattern)
			p.keys = p.keys || isKey(one.Pattern)
		}
		p.picks = append(p.picks, next)
		p.last = max(p.last, one.Number)
	}
	if p.patterns() {
		p.last = 0
	}
	return p
}

func isKey(text string) bool {
	return len(text) == 16 && strings.Trim(text, "0123456789abcdef*?") == ""
}

// patterns reports whether items must be looked at, not only counted.
func (p *Picker) patterns() bool {
	for _, one := range p.picks {
		if one.Number == 0 {
			return true
		}
	}
	return false
}

// texts are what an item may be chosen by, besides its number. key returns its key.
type texts struct {
	forms [6]string
	key   func() itemkey.Key
}

// textsOf are the texts of an item with its line, and an input if it has one.
func textsOf(in triplet, line string, key func() itemkey.Key) texts {
	t := texts{key: key}
	if in != (triplet{}) {
		// In the root of the inputs the path is in/./NAME.
		t.forms = [6]string{path.Clean(in.Path), path.Join(in.RelDir, in.FileName), in.FileName, in.Path, "", inArchive(in)}
	}
	t.forms[4] = line
	return t
}

// textsOfShown are the texts of an item of which only the printable form is known.
func textsOfShown(shown string, key func() itemkey.Key) texts {
	item, err := scanItem([]byte(shown))
	if err != nil || !item.isTriplet {
		item.input = triplet{}
	}
	return textsOf(item.input, shown, key)
}

// PathOf is the path of an item by its printable form, without what a pattern needs not; empty: it has no input with a path.
func PathOf(shown string) string {
	item, err := scanItem([]byte(shown))
	if err != nil || !item.isTriplet || item.input.Path == "" {
		return ""
	}
	return path.Clean(item.input.Path)
}

// maxNear is how many names are remembered for suggestions.
const maxNear = 1000

// take reports whether the item with a number, from 0, is chosen.
func (p *Picker) take(number uint64, t texts) (taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = max(p.seen, number+1)
	key := ""
	if p.keys && t.key != nil {
		text, _ := t.key().MarshalText()
		key = string(text)
	}
	for i := range p.picks {
		one := &p.picks[i]
		if one.Number == number+1 || one.Number == 0 && one.matches(t.forms, key) {
			one.found, taken = true, true
		}
	}
	switch {
	case taken:
		p.found++
	case len(p.near) < maxNear:
		for _, form := range t.forms[:3] {
			if form != "" {
				p.near = append(p.near, form)
			}
		}
	}
	return taken
}

func (o *pick) matches(forms [6]string, key string) bool {
	for _, form := range forms {
		if form != "" && (form == o.Pattern || form == o.clean || o.one([]byte(form))) {
			return true
		}
	}
	return key != "" && (key == o.Pattern || o.one([]byte(key)))
}

// over reports whether no item from a number on can be chosen.
func (p *Picker) over(number uint64) bool { return p.last > 0 && number >= p.last }

// end says that there are no more items.
func (p *Picker) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = true
}

// saw says that there are n items.
func (p *Picker) saw(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = max(p.seen, n)
}

// Seen is how many items there are, as far as they were listed.
func (p *Picker) Seen() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// Found is how many items were chosen so far.
func (p *Picker) Found() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found
}

// Missing are the picks that chose nothing, and names of items that were not chosen. It is empty until the listing has ended.
func (p *Picker) Missing() (missing []Pick, near []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all {
		return nil, nil
	}
	for _, one := range p.picks {
		if !one.found {
			missing = append(missing, one.Pick)
		}
	}
	return missing, p.near
}

// numbers are the numbers of the picks, from 0, in order and each once.
func (p *Picker) numbers() (all []uint64) {
	for _, one := range p.picks {
		if one.Number > 0 {
			all = append(all, one.Number-1)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
