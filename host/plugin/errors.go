package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// StartError says why a plugin process could not be started or did not complete its handshake.
type StartError struct {
	// Plugin is what the user called the plugin.
	Plugin string
	What   string
	// Hints are things to look at or do, one each.
	Hints []string
	// Stderr is the end of the process's output.
	Stderr []string
	Err    error
}

func (e *StartError) Error() string {
	return e.Plugin + ": " + e.What + problem.Hint(e.Hints...) + lastOutput(e.Stderr)
}

// lastOutput is the end of a process's output, to follow a message.
func lastOutput(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\n  the last of its output:\n    " + strings.Join(lines, "\n    ")
}

func (e *StartError) Unwrap() error { return e.Err }

// TaskError is an error that the plugin itself reported in answer to a call.
type TaskError struct {
	// Call is what the plugin was asked to do: "opening task Resize".
	Call      string
	Message   string
	Traceback string
	Fault     backbones.Fault
	// Problems are what is wrong with the arguments or the template.
	Problems []problem.Problem
	// IsNoTask: the plugin does not have the requested task.
	IsNoTask bool
	// Ended: the task ended the run with success.
	Ended bool
	// Unsupported: the plugin does not support the request.
	Unsupported bool
}

// ExitCode is Usage where the configuration is wrong, OK where the task ended the run.
func (e *TaskError) ExitCode() int {
	switch {
	case len(e.Problems) > 0 || e.IsNoTask:
		return exitcode.Usage
	case e.Ended:
		return exitcode.OK
	}
	return exitcode.Failed
}

func (e *TaskError) Error() string {
	text := e.Call + ": "
	if located.MatchString(e.Message) {
		text = ""
	}
	switch {
	case e.Message != "":
		text += within(e.Message)
	case len(e.Problems) > 0:
		text += "the task refuses what it was given:"
	default:
		text += "the plugin reported an error and gave no reason"
	}
	for _, p := range e.Problems {
		text += fmt.Sprintf("\n  %s: %s", p.Path, within(p.Message))
		if p.Suggestion != "" {
			text += fmt.Sprintf("; hint: did you mean %s?", p.Suggestion)
		}
	}
	if e.Traceback != "" {
		text += "\n    " + within(e.Traceback)
	}
	return text
}

// located matches a message that begins with file and line: "upper.py:12: SyntaxError: …".
var located = regexp.MustCompile(`^[^:\n]+:\d+: [A-Za-z.]+: `)

// within indents further lines of a plugin's text, so that they cannot be taken for lines of the host.
func within(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

func taskError(call string, e *pb.Error) error {
	if e == nil {
		return nil
	}
	t := &TaskError{
		Call: call, Message: e.GetMessage(), Traceback: e.GetTraceback(), Fault: backbones.Fault(e.GetFault()),
		IsNoTask: e.GetNoSuchTask() != nil, Ended: e.GetEnded() != nil, Unsupported: e.GetUnsupported() != nil,
	}
	for _, p := range e.GetConfig().GetProblems() {
		t.Problems = append(t.Problems, problem.Problem{Path: p.GetWhere(), Message: p.GetMessage(), Suggestion: p.GetSuggestion()})
	}
	return t
}

// failure maps a wire error to a failed item's reason.
func failure(e *pb.Error) backbones.Failure {
	f := backbones.Failure{
		Kind: backbones.KindError, Message: e.GetMessage(), Traceback: e.GetTraceback(), Retryable: e.GetRetryable(),
		Fault: backbones.Fault(e.GetFault()), TypeName: e.GetItem().GetTypeName(), Attempts: 1,
	}
	switch {
	case e.GetPanic() != nil:
		f.Kind = backbones.KindPanic
		f.Message = cmp.Or(f.Message, e.GetPanic().GetValue())
	case e.GetInvalidOutput() != nil:
		f.Kind = backbones.KindInvalidOutput
	}
	if f.Message == "" {
		f.Message = "the task gave no reason"
	}
	return f
}

// brokenStream says why the Run call of a process that still lives has ended, and which section of docs/protocol.md has the rule that
// it broke; empty if the host ended it.
func brokenStream(err error) (reason, rule string) {
	switch status.Code(err) {
	case codes.Canceled:
		return "", ""
	case codes.Unavailable:
		return "its connection broke: " + said(err), ""
	case codes.Unimplemented:
		return "it does not serve Run: " + said(err), "Services"
	default:
		if overLimit(err) {
			return fmt.Sprintf("it sent a message over the limit of %d MiB", wire.MessageLimit>>20), "Services"
		}
		return "it ended its Run call with a gRPC status: " + said(err), "Errors"
	}
}

// overLimit reports whether a call failed because a message of the other side was too large. The same status also has other causes, such
// as a lack of file descriptors.
func overLimit(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(status.Convert(err).Message(), "message larger than max")
}

// said is the message of a failed call, or the name of its status if it has no message.
func said(err error) string {
	s := status.Convert(err)
	text := strings.TrimSpace(s.Message())
	switch {
	case text == "":
		return fmt.Sprintf("gRPC status %s, without a word", s.Code())
	case s.Code() == codes.Unavailable || s.Code() == codes.Unknown:
		return clipTo(text, maxSaid)
	default:
		return fmt.Sprintf("%s (gRPC status %s)", clipTo(text, maxSaid), s.Code())
	}
}

// maxSaid bounds the text of a gRPC status in a message, in bytes.
const maxSaid = 2048

var errUnimplemented = errors.New("the plugin does not serve kagurazaka's PluginService")
