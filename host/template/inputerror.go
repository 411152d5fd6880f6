package template

import "fmt"

// InputError is why the inputs cannot be listed: the input folder is missing, for example, or a line is not JSON.
type InputError struct {
	// Path is the folder or file, as the template has it.
	Path string
	// Line is the line of a JSON Lines file, from 1; 0: the whole of it.
	Line uint64
	// Message is what is wrong.
	Message string
	// From is the source of the path, and how to give another; empty: not known.
	From string
	// Hint is what was probably meant; empty: nothing is known.
	Hint string
	// Err is the cause; may be nil.
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
	if e.Hint != "" {
		text += "; hint: " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }
