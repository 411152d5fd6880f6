package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/kagurazaka/kagurazaka/internal/staging"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Permanent marks an error that a retry cannot fix. It returns nil for nil.
func Permanent(err error) error { return mark(err, false) }

// Retryable marks an error that a retry of the item may fix. It returns nil for nil.
//
// Unmarked errors are retryable if they are timeouts or temporary system errors (too many open files, a connection
// reset), and permanent otherwise. The outermost mark counts.
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

// temporary are the system errors that a retry may fix.
var temporary = []syscall.Errno{
	syscall.EAGAIN, syscall.EBUSY, syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH,
	syscall.EINTR, syscall.EMFILE, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EPIPE, syscall.ESTALE, syscall.ETIMEDOUT,
}

// environment are the system errors that the machine causes, not the task.
var environment = []syscall.Errno{
	syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EROFS,
}

func isOneOf(err error, list []syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(list, errno)
}

func retryable(err error) bool {
	if marked, ok := errors.AsType[*markedError](err); ok {
		return marked.retryable
	}
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		ok && timeout.Timeout() || isOneOf(err, temporary)
}

// itemError is the message for an error that the task returned.
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

// typeName is the outermost type in the chain that is neither a mark nor a wrapper of the standard library.
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
type panicked struct{ value, stack string }

func (p *panicked) Error() string { return "panic: " + p.value }

const goexit = "runtime.Goexit was called"

// newPanicked is for deferred functions: recovered is what recover returned, nil after runtime.Goexit.
func newPanicked(recovered any) *panicked {
	p := &panicked{value: goexit, stack: string(debug.Stack())}
	if recovered != nil {
		p.value = fmt.Sprint(recovered)
	}
	return p
}

// taskFailure is the message for an error or a panic of Open, List, Process or Close.
func taskFailure(err error) *pb.Error {
	if p, ok := errors.AsType[*panicked](err); ok {
		return &pb.Error{
			Message: text(p.Error()), Traceback: text(p.stack), Fault: pb.Fault_FAULT_TASK,
			Detail: &pb.Error_Panic{Panic: &pb.PanicError{Value: text(p.value)}},
		}
	}
	if misfit, ok := errors.AsType[*staging.MisfitError](err); ok {
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

// failure is an error without a detail.
func failure(err error, fault pb.Fault) *pb.Error {
	return &pb.Error{Message: text(err.Error()), Fault: fault}
}

// text replaces what is not UTF-8, which protobuf refuses.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
