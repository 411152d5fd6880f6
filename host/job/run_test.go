package job

import (
	"errors"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/progress"
)

// Of several exit codes that apply the run has one: 2 before the start, 130, 1, 3, 0.
func TestPrecedenceOfExitCodes(t *testing.T) {
	some := errors.New("something")
	closing := errors.New("a task was not closed")
	began := progress.Summary{Done: 1}
	for _, tt := range []struct {
		name     string
		summary  progress.Summary
		err, end error
		want     int
	}{
		{"nothing", began, nil, nil, exitcode.OK},
		{"wrong usage before the start", progress.Summary{}, exitcode.With(exitcode.Usage, some), nil, exitcode.Usage},
		{"the same when items have an outcome", began, exitcode.With(exitcode.Usage, some), nil, exitcode.Failed},
		{"not closed", began, nil, closing, exitcode.Failed},
		{"items failed, and not closed", began, exitcode.With(exitcode.Partial, some), closing, exitcode.Failed},
		{"interrupted, and not closed", began, exitcode.With(exitcode.Interrupted, some), closing, exitcode.Interrupted},
		{"failed, and not closed", began, some, closing, exitcode.Failed},
	} {
		err := afterStart(tt.summary, tt.err, tt.end)
		if got := exitcode.Of(err); got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.name, got, tt.want)
		}
		if tt.end != nil && !errors.Is(err, closing) {
			t.Errorf("%s: %v does not say what was not closed", tt.name, err)
		}
	}
}
