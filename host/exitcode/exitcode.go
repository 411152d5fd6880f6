// Package exitcode holds the host's exit codes, which are part of its interface, and lets an error carry one. An error type of another
// room carries one by a method ExitCode.
package exitcode

import (
	"errors"
	"fmt"
)

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

type coded struct {
	error
	code int
}

func (e *coded) Unwrap() error { return e.error }
func (e *coded) ExitCode() int { return e.code }

// With gives err an exit code; nil stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{err, code}
}

// Usagef returns an error with the code Usage.
func Usagef(format string, args ...any) error { return With(Usage, fmt.Errorf(format, args...)) }

// Of returns the exit code of an error: the outermost that it carries, Failed if it carries none, OK for nil.
func Of(err error) int {
	var e interface {
		error
		ExitCode() int
	}
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.ExitCode()
	}
	return Failed
}
