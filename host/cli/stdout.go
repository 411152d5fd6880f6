package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/progress"
)

// keepPipes makes a closed pipe at stdout or stderr an error of the write instead of the end of this program: a run has more
// to do than to print. What the program starts has the default again, as it had not if the signal was ignored.
func keepPipes() (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}

// unprinted adds to the error of a run that its output did not reach stdout: then the run has failed, whatever it did.
func (a *app) unprinted(s progress.Summary, err error) error {
	cause := a.out.Err()
	if cause == nil {
		return err
	}
	var at *fs.PathError
	if errors.As(cause, &at) {
		cause = at.Err
	}
	told := fmt.Errorf("stdout cannot be written: %w", cause)
	if a.summarised {
		told = fmt.Errorf("%w; the run itself: %s", told, s.Line())
	}
	switch code := exitcode.Of(err); {
	case err == nil:
		return exitcode.With(exitcode.Failed, told)
	case code == exitcode.Partial:
		return exitcode.With(exitcode.Failed, errors.Join(told, err))
	default:
		return exitcode.With(cmp.Or(code, exitcode.Failed), errors.Join(err, told))
	}
}
