package template

import "fmt"

// InputError says that the inputs cannot be listed at all: the input folder is missing, say, or a line is no JSON.
type InputError struct {
	// Path is the folder or file, as the template has it.
	Path string
	// Line is the line of a JSON Lines file, from 1; 0: the whole of it.
	Line uint64
	// Message says what is wrong in plain words.
	Message string
	// From says what gives the path, and how another is given; empty: not known.
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
