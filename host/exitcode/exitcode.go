// Package exitcode holds the host's exit codes, which are part of its interface, and lets an error carry one.
package exitcode

import "errors"

// The exit codes. An unknown code must be treated as a failure.
const (
	// OK: every item is done or was skipped.
	OK = 0
	// Failed: the run itself failed.
	Failed = 1
	// Usage: the command line or the configuration is wrong.
	Usage = 2
	// Partial: the run finished, and some items failed.
	Partial = 3
	// Interrupted: the run was interrupted by a signal.
	Interrupted = 130
)

// Error is an error with an exit code.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// With gives err an exit code; nil stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Of returns the exit code of an error: that of the outermost Error in it, Failed for any other, OK for nil.
func Of(err error) int {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	default:
		return Failed
	}
}
