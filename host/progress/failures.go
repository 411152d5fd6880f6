package progress

import (
	"fmt"
	"io"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// FailurePrinter shows the failed items of a run.
type FailurePrinter interface {
	// Failed shows a failed item, which its group has counted.
	Failed(Failure, *Group)
	// More shows at each tick how many there are that Failed did not show.
	More(groups *Groups, seconds float64)
	// Groups shows them at the end, before Finish.
	Groups(*Groups)
	// Alike shows at once that a run fails from its beginning.
	Alike(Alike)
}

const (
	// shownItems is the number of failed items of a group that get a line each.
	shownItems = 10
	// moreEvery is the least time in seconds between two lines that count the others of a group.
	moreEvery = 10
	// shownGroups is the number of groups that are shown with a traceback at the end.
	shownGroups = 10
	// shortTraceback is the number of lines of a traceback that is shown unasked, maxLine the length of each.
	shortTraceback = 16
	maxLine        = 300
)

// told is what a Text has told of the items of a group that have no line of their own.
type told struct {
	// more of them at seconds.
	more    int64
	seconds float64
}

// Failed implements FailurePrinter.
func (t *Text) Failed(f Failure, g *Group) {
	if g.Count > shownItems {
		return
	}
	text := terminal.Line(f.Name()+": "+f.Line(), maxItem+maxMessage) + "\n"
	if g.Count == 1 || t.Verbose {
		text += details(&f, indentation, t.Verbose)
	}
	_, _ = io.WriteString(t.Err, text)
}

// More implements FailurePrinter.
func (t *Text) More(groups *Groups, seconds float64) {
	if groups.Total() <= shownItems {
		return
	}
	for _, g := range groups.Sorted() {
		more := g.Count - shownItems
		if more <= 0 {
			return
		}
		if g.told.more > 0 && (more < 2*g.told.more || seconds < g.told.seconds+moreEvery) {
			continue
		}
		g.told = told{more, seconds}
		_, _ = io.WriteString(t.Err, terminal.Line(g.Title()+": "+thousands(more)+" more"+t.listed(), maxMessage)+"\n")
	}
}

// listed says where failed items without a line of their own are.
func (t *Text) listed() string {
	if t.NoLedger {
		return ""
	}
	return ", listed in failed.jsonl"
}

// details are further lines about a failure: its traceback, or else the rest of its message. All of them, or those that a reader needs first.
func details(f *Failure, indent string, all bool) string {
	text := strings.Trim(f.Traceback, "\n")
	if text == "" {
		if text = strings.Trim(f.Message, "\n"); !strings.Contains(text, "\n") {
			return ""
		}
	}
	if !all {
		text = shortened(text)
	}
	return indent + terminal.Block(text, indent, maxTraceback) + "\n"
}

// shortened is the part of a traceback that has the cause: the first line and the last ones, or the first ones behind a Go panic.
func shortened(text string) string {
	lines := strings.Split(text, "\n")
	if strings.HasPrefix(text, goStack) {
		lines = lines[1:]
		for i, line := range lines {
			if strings.HasPrefix(line, "panic(") {
				lines = lines[min(i+2, len(lines)):]
				break
			}
		}
		if over := len(lines) - shortTraceback; over > 0 {
			lines = append(lines[:shortTraceback-1:shortTraceback-1], leftOut(over+1))
		}
	} else if over := len(lines) - shortTraceback; over > 0 {
		lines = append([]string{lines[0], "  " + leftOut(over+1)}, lines[len(lines)-shortTraceback+2:]...)
	}
	for i, line := range lines {
		lines[i] = head(line, maxLine)
	}
	return strings.Join(lines, "\n")
}

// goStack is the beginning of a stack of Go, which has the newest call first.
const goStack = "goroutine "

func leftOut(lines int) string {
	return fmt.Sprintf("… %s left out: -v shows all …", count.Of(lines, "line"))
}

// GroupsText shows groups of failed items, the most frequent first: their numbers, an example and its traceback, whole ones if all is set. The most
// frequent get a traceback unless none is asked for.
func GroupsText(w io.Writer, groups *Groups, tracebacks int, all bool) error {
	sorted := groups.Sorted()
	width := 0
	for _, g := range sorted {
		width = max(width, len(thousands(g.Count)))
	}
	indent := strings.Repeat(" ", width+4)
	for i, g := range sorted {
		f := &g.Example
		text := fmt.Sprintf("  %*s  %s\n", width, thousands(g.Count), terminal.Line(g.Title(), maxMessage))
		of := "for example "
		if g.Count == 1 {
			of = ""
		}
		text += indent + of + terminal.Line(f.Name(), maxItem)
		if line := f.Line(); line != terminal.Line(g.Title(), maxMessage) {
			text += ": " + line
		}
		text += "\n"
		if i < tracebacks {
			text += details(f, indent+indentation, all)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// Groups implements FailurePrinter.
func (t *Text) Groups(groups *Groups) {
	n := groups.Total()
	if n == 0 {
		return
	}
	kinds := ""
	if k := len(groups.Sorted()); k > 1 {
		kinds = fmt.Sprintf(" in %d ways", k)
	}
	items := "items"
	if n == 1 {
		items = "item"
	}
	fmt.Fprintf(t.Err, "%s %s failed%s:\n", thousands(n), items, kinds)
	tracebacks := shownGroups
	if n == 1 {
		// It has just been shown.
		tracebacks = 0
	}
	_ = GroupsText(t.Err, groups, tracebacks, t.Verbose)
}

// Alike is the warning about a run of which the first items have all failed in the same way.
type Alike struct {
	// Count is the number of those items, Title what they failed with.
	Count int64  `json:"count"`
	Title string `json:"error"`
	// Hint is what to write.
	Hint string `json:"hint"`
}

func (a *Alike) String() string {
	return fmt.Sprintf("the first %d items have all failed in the same way: %s; hint: %s", a.Count, terminal.Line(a.Title, maxMessage), a.Hint)
}

// Alike implements FailurePrinter.
func (t *Text) Alike(a Alike) { fmt.Fprintln(t.Err, "warning: "+a.String()) }

// failures are the failed items of a Reporter.
type failures struct {
	groups Groups
	// alike: it has been said that all fail in the same way.
	alike bool
}

// alikeItems is the number of items that must have failed in the same way, and no other have an outcome, to be a warning.
const alikeItems = 100

// Failed shows a failed item, and counts its kind. Counters count the item.
func (r *Reporter) Failed(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.FailedByKind[f.Kind]++
	all := &r.failures
	g := all.groups.Add(f)
	r.printer.Failed(f, g)
	if c := &r.Counters; !all.alike && g.Count >= alikeItems && g.Count == all.groups.Total() && c.Done.Load()+c.Skipped.Load() == 0 {
		all.alike = true
		r.printer.Alike(Alike{g.Count, g.Title(), r.sources.AlikeHint})
	}
}
