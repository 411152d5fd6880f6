// Package problem holds problems of a run's configuration. Rooms collect them instead of stopping at the first, so that the user
// sees all at once.
package problem

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Problem is one problem with the user's input.
type Problem struct {
	// Source is its position: "cfg.yaml:3:5", "--mixin a.b=5" or "--limit x". Empty: Path says where.
	Source string
	// Path is the value or argument: "hard_shard_mode.input_path", "--size". Empty: the whole source.
	Path string
	// Message describes the problem in one line.
	Message string
	// Suggestion is a hint: what was probably meant, or what to do. It may be empty.
	Suggestion string
	// Details are further lines, such as the places that were tried.
	Details string
	// Warning marks a problem that does not stop the run.
	Warning bool
	// Open marks a value that is still to be given.
	Open bool
}

// String is the problem in one line, without its suggestion.
func (p Problem) String() string {
	var parts []string
	if p.Source != "" {
		parts = append(parts, p.Source)
	}
	if p.Path != "" && !Names(p.Source, p.Path) {
		parts = append(parts, p.Path)
	}
	return strings.Join(append(parts, p.Message), ": ")
}

// Names reports whether a source names a path already, as "--mixin a.b=5" does.
func Names(source, path string) bool {
	if _, word, isFlag := strings.Cut(source, " "); isFlag && strings.HasPrefix(source, "--") {
		word = strings.TrimPrefix(word, "'")
		return word == path || strings.HasPrefix(word, path+"=")
	}
	return source == path
}

// Hint is the end of a message: what to do about it. It is empty where there are no hints.
func Hint(hints ...string) string {
	hints = slices.DeleteFunc(slices.Clone(hints), func(h string) bool { return h == "" })
	if len(hints) == 0 {
		return ""
	}
	return "; hint: " + strings.Join(hints, "; ")
}

// Any reports whether one of the problems is more than a warning.
func Any(problems []Problem) bool { return Err(problems) != nil }

// Most is the largest number of problems that are shown: more of them have one cause.
const Most = 100

// Errors are problems as one error. Err makes them, without the warnings and repetitions.
type Errors []Problem

// Error lists the problems, one a line.
func (e Errors) Error() string { return strings.Join(e.lines(), "\n") }

func (e Errors) lines() []string {
	var lines []string
	for _, p := range e[:min(len(e), Most)] {
		line := p.String() + Hint(p.Suggestion)
		if p.Details != "" {
			line += "\n" + p.Details
		}
		lines = append(lines, line)
	}
	if more := len(e) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// ExitCode is that of a wrong usage.
func (Errors) ExitCode() int { return exitcode.Usage }

// Err returns the problems that are more than warnings as Errors, or nil if there are none.
func Err(problems []Problem) error {
	errs := without(Unique(problems), func(p Problem) bool { return p.Warning })
	if len(errs) == 0 {
		return nil
	}
	return Errors(errs)
}

// without returns the problems but those to drop.
func without(problems []Problem, drop func(Problem) bool) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), drop)
}

// Unique returns the problems in their order, without repetitions.
func Unique(problems []Problem) []Problem {
	seen := make(map[Problem]bool, len(problems))
	return without(problems, func(p Problem) bool {
		repeated := seen[p]
		seen[p] = true
		return repeated
	})
}

// Fresh returns the problems of found whose source has no error in known: a value that could not be read has no new problems.
// Problems without a source stay.
func Fresh(known, found []Problem) []Problem {
	reported := make(map[string]bool, len(known))
	for _, p := range known {
		reported[p.Source] = reported[p.Source] || !p.Warning
	}
	return without(found, func(p Problem) bool { return p.Source != "" && reported[p.Source] })
}

// maxText bounds the text of one error. It may be a plugin's, or contain a longer value.
const maxText = 32 << 10

// Print writes an error that ends a command: "error: WHERE: what; hint: what to write", each of Errors on its own. Further lines of a
// text are its details, and are indented.
func Print(w io.Writer, err error) {
	texts := []string{err.Error()}
	if problems := (Errors)(nil); errors.As(err, &problems) {
		texts = problems.lines()
	}
	for _, text := range texts {
		first, details, more := strings.Cut(terminal.Block(text, "", maxText), "\n")
		fmt.Fprintf(w, "error: %s\n", first)
		for line := range strings.SplitSeq(details, "\n") {
			if more && strings.HasPrefix(line, "  ") {
				fmt.Fprintln(w, line)
			} else if more {
				fmt.Fprintln(w, "  "+line)
			}
		}
	}
}
