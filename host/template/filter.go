package template

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/bytesize"
)

// Filter leaves out some of the files that an input mode would list.
type Filter struct {
	// Flat: the files of the input folder alone, and not of folders in it.
	Flat bool
	// Ignore are patterns of names, and with a slash of paths below the input folder. What is in a folder that matches is left out, too.
	Ignore []string
	// MinSize and MaxSize are the least and the greatest size of a file in bytes.
	MinSize, MaxSize int64
	// NewerThan is the time after which a file was last written; zero: at any time.
	NewerThan time.Time
}

// Examines reports whether the filter has to look at the files themselves.
func (f *Filter) Examines() bool {
	return f != nil && (f.MinSize > 0 || f.MaxSize < math.MaxInt64 || !f.NewerThan.IsZero())
}

var filterFields = []FieldSpec{
	{Name: "recursive", Type: TypeBool, Default: Scalar(true), Help: "Whether the files of folders in the input folder are listed, too."},
	{Name: "ignore", Type: TypeStrings, Nullable: true,
		Help: "Patterns of files and folders to leave out: *.tmp by name at any depth, a/b or raw/** by the path below the input folder, cache/ folders alone."},
	{Name: "min_size", Type: TypeIntOrString, Nullable: true, Help: "The least size of a file: bytes, or as in 10K, 4M."},
	{Name: "max_size", Type: TypeIntOrString, Nullable: true, Help: "The greatest size of a file."},
	{Name: "newer_than", Type: TypeString, Nullable: true,
		Help: "Only files that were last written after a time, as in 2026-01-31 or 2026-01-31T08:00, or that are younger than an age, as in 36h or 7d."},
}

// filter returns the filter of a mode; nil: it leaves out nothing.
func (c *compiler) filter(m values) *Filter {
	f := &Filter{MaxSize: math.MaxInt64}
	f.Flat = m.node("recursive") != nil && !boolOf(m.node("recursive"))
	for i, n := range m.list("ignore") {
		pattern := textOf(n)
		where := fmt.Sprintf("%s.ignore.%d", m.path, i)
		switch {
		case strings.Trim(pattern, "/") == "":
			c.problem(where, m.node("ignore"), "is empty: a pattern must match a name", "")
		case strings.HasPrefix(pattern, "!"):
			c.problem(where, m.node("ignore"), fmt.Sprintf("is %q, but no pattern takes back another", pattern), "write patterns that match only what is to be left out; [!]x stands for a name that begins with !")
		}
		f.Ignore = append(f.Ignore, pattern)
	}
	size := func(field string, value *int64) {
		n := m.node(field)
		if n == nil {
			return
		}
		var err error
		if *value, err = bytesize.Parse(textOf(n)); err != nil {
			c.problem(m.path+"."+field, n, fmt.Sprintf("is %s: it %s", show(n), err), "")
		}
	}
	size("min_size", &f.MinSize)
	size("max_size", &f.MaxSize)
	if f.MaxSize < f.MinSize {
		c.problem(m.path+".max_size", m.node("max_size"), fmt.Sprintf("is %d, less than min_size %d: no file would be listed", f.MaxSize, f.MinSize), "")
	}
	if n := m.node("newer_than"); n != nil {
		var ok bool
		if f.NewerThan, ok = parseTime(textOf(n), time.Now()); !ok {
			c.problem(m.path+".newer_than", n, fmt.Sprintf("is %s: it must be a time such as 2026-01-31 or 2026-01-31T08:00, or an age such as 36h or 7d", show(n)), "")
		}
	}
	if !f.Flat && len(f.Ignore) == 0 && !f.Examines() {
		return nil
	}
	return f
}

var (
	age  = regexp.MustCompile(`^(\d+(?:\.\d+)?)([smhdw])$`)
	unit = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
)

// parseTime reads a time, in this machine's zone unless it has its own, or an age.
func parseTime(text string, now time.Time) (time.Time, bool) {
	if m := age.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		before := n * float64(unit[m[2]])
		return now.Add(-time.Duration(before)), err == nil && before < math.MaxInt64
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, strings.Replace(text, " ", "T", 1), time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
