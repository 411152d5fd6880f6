package template

import "fmt"

// Problem is one thing that is wrong with a template. Compile returns all of them at once.
type Problem struct {
	// Path is the dotted path of the value: "input_mode.exts.0".
	Path string
	// Origin says where the value came from: "--mixin", "cfg.yaml:12". Empty: the task itself.
	Origin string
	// Message says what is wrong, as a clause that follows the path: "must be an integer".
	Message string
	// Suggestion says what was meant or what to write; empty: no idea.
	Suggestion string
	// Open says that a value is still to be given.
	Open bool
}

// String returns the problem as one line: path, origin, message and suggestion.
func (p Problem) String() string {
	s := p.Path
	if p.Origin != "" {
		s += fmt.Sprintf(" (%s)", p.Origin)
	}
	if s != "" {
		s += " "
	}
	s += p.Message
	if p.Suggestion != "" {
		s += ": " + p.Suggestion
	}
	return s
}

// InputError says that the inputs cannot be listed at all: the input folder is missing, say, or a line is no JSON.
type InputError struct {
	// Path is the folder or file, as the template has it.
	Path string
	// Line is the line of a JSON Lines file, from 1; 0: the whole of it.
	Line uint64
	// Message says what is wrong in plain words.
	Message string
	// From says what gives the path, and how another is given; empty: nobody knows.
	From string
	// Err is the cause, where there is one.
	Err error
}

// Where is the folder or file, with the line.
func (e *InputError) Where() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d", e.Path, e.Line)
	}
	return e.Path
}

func (e *InputError) Error() string {
	text := "reading inputs from " + e.Where()
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.From != "" {
		text += " (" + e.From + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }
