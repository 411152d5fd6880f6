package progress

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Failure is one failed item.
type Failure struct {
	// Item is its printable form, Key what it is known by; empty: not known.
	Item string `json:"-"`
	Key  string `json:"-"`
	Kind string `json:"kind"`
	// Path is that of its input; empty: it has none.
	Path string `json:"path,omitempty"`
	// ErrorType is the error's type in the plugin's language; empty: it has none.
	ErrorType string `json:"error_type,omitempty"`
	Message   string `json:"message"`
	Traceback string `json:"traceback,omitempty"`
	Worker    string `json:"worker"`
	Attempts  int    `json:"attempts"`
}

// Group is failed items of one kind: the same kind of failure, the same type of error, and messages of the same shape.
type Group struct {
	Kind      string `json:"kind"`
	ErrorType string `json:"error_type,omitempty"`
	// Message is what they say, with … for what differs.
	Message string `json:"message"`
	Count   int64  `json:"count"`
	// Example is the first of them.
	Example Failure `json:"-"`

	shape shape
	// many: the messages are not of one shape, because there are too many shapes.
	many bool
	// told is what a Text has told of the group.
	told told
}

// Title is the group's kind or type of error and its message, in one line.
func (g *Group) Title() string {
	switch {
	case g.many && g.ErrorType == "" && g.Kind == "":
		return "other failures"
	case g.many:
		return titled(label(g.Kind, g.ErrorType), otherMessages)
	}
	return titled(label(g.Kind, g.ErrorType), g.Message)
}

// MaxGroups is the most kinds of failures that are told apart.
const MaxGroups = 64

// otherMessages stands for the messages of a group of many shapes.
const otherMessages = "other messages"

// Groups sorts failed items by kind, in memory that does not grow with their number: beyond MaxGroups kinds they are counted by type of error,
// and beyond as many types together. The zero value is ready.
type Groups struct {
	all map[groupKey]*Group
	// types has the groups of many shapes, rest what is beyond those; nil: nothing is.
	types map[groupKey]*Group
	rest  *Group
	total int64
}

type groupKey struct{ kind, errorType, shape string }

// maxExample bounds what is kept of a text of an example.
const maxExample = 32 << 10

// Add counts a failed item, and returns its group.
func (g *Groups) Add(f Failure) *Group {
	g.total++
	line := f.headline()
	shape := shapeOf(line, f.names())
	key := groupKey{f.Kind, f.ErrorType, shape.key()}
	group := g.all[key]
	if group == nil {
		group = g.make(key, &f)
		if !group.many {
			group.Message, group.shape = strings.Clone(line), shape
		}
	}
	group.Count++
	if !group.many && (group.shape.merge(shape) || group.Count == 2 && group.shape.named) {
		group.Message = group.shape.String()
	}
	return group
}

// make returns the group for the first failed item of a kind.
func (g *Groups) make(key groupKey, f *Failure) *Group {
	group := &Group{Kind: f.Kind, ErrorType: f.ErrorType, Example: *f}
	group.Example.Message = strings.Clone(bounded(f.Message, maxExample))
	group.Example.Traceback = strings.Clone(bounded(f.Traceback, maxExample))
	group.Example.Item = strings.Clone(bounded(f.Item, maxExample))
	if len(g.all) < MaxGroups {
		if g.all == nil {
			g.all = map[groupKey]*Group{}
		}
		g.all[key] = group
		return group
	}
	key.shape, group.many, group.Message = "", true, otherMessages
	if known := g.types[key]; known != nil {
		return known
	}
	if len(g.types) < MaxGroups {
		if g.types == nil {
			g.types = map[groupKey]*Group{}
		}
		g.types[key] = group
		return group
	}
	if g.rest == nil {
		group.Kind, group.ErrorType = "", ""
		g.rest = group
	}
	return g.rest
}

// bounded is a text without its middle if it is too long.
func bounded(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most/2], "") + "\n…\n" + strings.ToValidUTF8(text[len(text)-most/2:], "")
}

// Total is the number of failed items.
func (g *Groups) Total() int64 { return g.total }

// Sorted are the groups, the most frequent first.
func (g *Groups) Sorted() []*Group {
	groups := slices.AppendSeq(slices.Collect(maps.Values(g.all)), maps.Values(g.types))
	if g.rest != nil {
		groups = append(groups, g.rest)
	}
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ErrorType, b.ErrorType), cmp.Compare(a.shape.key(), b.shape.key()))
	})
	return groups
}

// names are what the item may be called in its messages, the longest first.
func (f *Failure) names() []string {
	if f.Path != "" {
		return namesOf(f.Path, nil)
	}
	return namesOf("", textsIn(f.Item))
}

// textsIn are the texts of an item's JSON that may stand in a message about it.
func textsIn(item string) (texts []string) {
	const longest = 4096
	if len(item) > longest || !strings.HasPrefix(item, "{") {
		return nil
	}
	var fields map[string]any
	if json.Unmarshal([]byte(item), &fields) != nil {
		return nil
	}
	for _, value := range fields {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// label is what stands before a failure's message: the type of an error, or the kind of any other failure.
func label(kind, errorType string) string {
	if kind == string(backbones.KindError) {
		return cmp.Or(strings.TrimPrefix(errorType, "*"), kind)
	}
	return kind
}

// titled puts a label before a message.
func titled(label, message string) string {
	if message == "" {
		return label
	}
	return label + ": " + message
}

// headline is the line of a failure's message that says what went wrong, without its label: the first one, or the first with the type of the
// error where others come before it.
func (f *Failure) headline() string {
	name := label(f.Kind, f.ErrorType)
	names := []string{name, name[strings.LastIndexByte(name, '.')+1:]}
	first := ""
	for line := range strings.Lines(f.Message) {
		line = strings.TrimSpace(line)
		for _, name := range names {
			if rest, ok := strings.CutPrefix(line, name); ok && (rest == "" || rest[0] == ':') {
				return strings.TrimSpace(strings.TrimPrefix(rest, ":"))
			}
		}
		first = cmp.Or(first, line)
	}
	return first
}

// Line is what went wrong, in one line: "ValueError: no sevens".
func (f *Failure) Line() string {
	return terminal.Line(titled(label(f.Kind, f.ErrorType), f.headline()), maxMessage)
}

// longItem is the length up to which an item is shown whole.
const longItem = 120

// Name is what a user knows the item by: the path of its input, or its text, with its key if that is long.
func (f *Failure) Name() string {
	switch text := terminal.Line(f.Item, maxItem); {
	case f.Path != "":
		return terminal.Line(f.Path, maxItem)
	case text == "":
		return "item " + cmp.Or(f.Key, "without a printable form")
	case len(text) <= longItem:
		return text
	case f.Key != "":
		return "item " + f.Key + " (" + head(text, longItem/2) + ")"
	default:
		return head(text, longItem)
	}
}

// head is the beginning of a text.
func head(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
