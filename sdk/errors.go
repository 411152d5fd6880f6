package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/staging"
)

// Permanent marks an error as one that trying again will not mend. nil stays nil.
func Permanent(err error) error { return mark(err, false) }

// Retryable marks an error as one that may go away when the item is tried again. nil stays nil.
//
// Unmarked errors count as retryable when they are timeouts or of the passing kind (too many open files, a connection
// reset), and as permanent otherwise. Of several marks the outermost counts.
func Retryable(err error) error { return mark(err, true) }

func mark(err error, retryable bool) error {
	if err == nil {
		return nil
	}
	return &markedError{err, retryable}
}

type markedError struct {
	error
	retryable bool
}

func (e *markedError) Unwrap() error { return e.error }

// passing errors of the system may be gone at the next try.
var passing = []syscall.Errno{
	syscall.EAGAIN, syscall.EBUSY, syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH,
	syscall.EINTR, syscall.EMFILE, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EPIPE, syscall.ESTALE, syscall.ETIMEDOUT,
}

// environment errors are the machine's doing, not the task's.
var environment = []syscall.Errno{
	syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EROFS,
}

func isOneOf(err error, list []syscall.Errno) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	for _, e := range list {
		if errno == e {
			return true
		}
	}
	return false
}

func retryable(err error) bool {
	var marked *markedError
	if errors.As(err, &marked) {
		return marked.retryable
	}
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout() || isOneOf(err, passing)
}

// itemError is how an error of the task's own travels.
func itemError(err error) *pb.Error {
	e := &pb.Error{
		Message: text(err.Error()), Retryable: retryable(err), Fault: pb.Fault_FAULT_TASK,
		Detail: &pb.Error_Item{Item: &pb.ItemError{TypeName: typeName(err)}},
	}
	if isOneOf(err, environment) {
		e.Fault = pb.Fault_FAULT_ENVIRONMENT
	}
	return e
}

// typeName is the type of the error that says most: marks and wrappings of the standard library say nothing.
func typeName(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		t := reflect.TypeOf(e)
		elem := t
		if t.Kind() == reflect.Pointer {
			elem = t.Elem()
		}
		if pkg := elem.PkgPath(); elem != reflect.TypeFor[markedError]() && pkg != "fmt" && pkg != "errors" {
			return t.String()
		}
	}
	return "error"
}

// panicked is a panic, or runtime.Goexit, in the task's code.
type panicked struct {
	value string
	stack string
}

func (p *panicked) Error() string { return "panic: " + p.value }

func (p *panicked) message() *pb.Error {
	return &pb.Error{
		Message: text(p.Error()), Traceback: text(p.stack), Fault: pb.Fault_FAULT_TASK,
		Detail: &pb.Error_Panic{Panic: &pb.PanicError{Value: text(p.value)}},
	}
}

const goexit = "runtime.Goexit was called"

// taskFailure is an error of Open, List or Process, whatever it was.
func taskFailure(err error) *pb.Error {
	var p *panicked
	if errors.As(err, &p) {
		return p.message()
	}
	var misfit *staging.MisfitError
	if errors.As(err, &misfit) {
		return &pb.Error{
			Message: text(misfit.Error()), Fault: pb.Fault_FAULT_TASK,
			Detail: &pb.Error_InvalidOutput{InvalidOutput: &pb.InvalidOutputError{Path: text(misfit.Path)}},
		}
	}
	return itemError(err)
}

func unsupported(what string) *pb.Error {
	return &pb.Error{
		Message: what, Fault: pb.Fault_FAULT_KAGURAZAKA,
		Detail: &pb.Error_Unsupported{Unsupported: &pb.UnsupportedError{What: what}},
	}
}

// text makes a string fit for protobuf, which takes nothing but UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// panicValue prints a recovered value, even one whose own printing panics.
func panicValue(v any) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("a value of type %T", v)
		}
	}()
	return fmt.Sprint(v)
}
