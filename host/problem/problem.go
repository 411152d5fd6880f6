// Package problem holds what is wrong with a run's configuration. Rooms that check something collect problems instead
// of stopping at the first, and the user sees all of them at once.
package problem

import (
	"fmt"
	"io"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// Problem is one thing that is wrong with what the user gave.
type Problem struct {
	// Source is where it was given: "cfg.yaml:3:5" or "--mixin a.b". Empty: the command line.
	Source string
	// Path is the value or argument it is about: "hard_shard_mode.input_path", "--size". Empty: the whole source.
	Path string
	// Message says what is wrong, in one line.
	Message string
	// Suggestion says what was probably meant or what to do, as a phrase of its own; empty: no idea.
	Suggestion string
	// Warning problems do not keep a run from starting.
	Warning bool
	// Open says that a value is still to be given.
	Open bool
}

// String is the problem in one line, without its suggestion.
func (p Problem) String() string {
	var parts []string
	if p.Source != "" {
		parts = append(parts, p.Source)
	}
	// "--mixin a.b: a.b: …" would say the same thing twice.
	if p.Path != "" && p.Path != p.Source && !strings.HasSuffix(p.Source, " "+p.Path) {
		parts = append(parts, p.Path)
	}
	return strings.Join(append(parts, p.Message), ": ")
}

// Any reports whether one of the problems is more than a warning.
func Any(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// Most is how many problems are shown: more of them have one cause.
const Most = 100

// Errors are problems as one error. Make them with Err, which leaves out what is only a warning.
type Errors []Problem

// Error lists the problems, one a line.
func (e Errors) Error() string {
	shown := e[:min(len(e), Most)]
	lines := make([]string, 0, len(shown)+1)
	for _, p := range shown {
		line := p.String()
		if p.Suggestion != "" {
			line += " (" + p.Suggestion + ")"
		}
		lines = append(lines, line)
	}
	if more := len(e) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems that are more than warnings as an Errors, or nil where there is none.
func Err(problems []Problem) error {
	var errs Errors
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, p)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// Unique returns the problems in their order, each said once.
func Unique(problems []Problem) []Problem {
	seen := make(map[Problem]bool, len(problems))
	var kept []Problem
	for _, p := range problems {
		if !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	return kept
}

// Fresh returns those problems of found whose source has none in known: what is wrong because a value could not be read
// in the first place says nothing new. Problems without a source are all kept.
func Fresh(known, found []Problem) []Problem {
	told := make(map[string]bool, len(known))
	for _, p := range known {
		told[p.Source] = !p.Warning || told[p.Source]
	}
	var fresh []Problem
	for _, p := range found {
		if p.Source == "" || !told[p.Source] {
			fresh = append(fresh, p)
		}
	}
	return fresh
}

// maxText is how much of one problem is printed: it may name a value that is far longer.
const maxText = 4000

// Render writes every problem once: a line that begins with "error:" or "warning:", and a line below it for what was
// meant. Errors come before warnings.
func Render(w io.Writer, problems []Problem) error {
	var b strings.Builder
	for _, warnings := range []bool{false, true} {
		word := "error"
		if warnings {
			word = "warning"
		}
		shown := 0
		for _, p := range Unique(problems) {
			if p.Warning != warnings {
				continue
			}
			if shown++; shown > Most {
				continue
			}
			fmt.Fprintf(&b, "%s: %s\n", word, terminal.Block(p.String(), "      ", maxText))
			if p.Suggestion != "" {
				fmt.Fprintf(&b, "  hint: %s\n", terminal.Block(p.Suggestion, "      ", maxText))
			}
		}
		if shown > Most {
			fmt.Fprintf(&b, "%s: and %d more\n", word, shown-Most)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Near is the suggestion for a name that nobody knows where one of the options is near to it, and "" otherwise.
func Near(word string, options []string) string {
	if near := suggest.Closest(word, options); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return ""
}

// Meant is Near, or else, where there are few enough options to read, all of them. what says what the options are, for
// the second case: "its fields".
func Meant(word, what string, options []string) string {
	if near := Near(word, options); near != "" {
		return near
	}
	if len(options) == 0 || len(options) > 12 {
		return ""
	}
	return fmt.Sprintf("%s: %s", what, strings.Join(options, ", "))
}
