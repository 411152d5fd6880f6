package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// tool runs a program of a cluster. Each call has a deadline of its own: squeue hangs while slurmctld is dead.
type tool struct {
	name     string
	patience time.Duration
}

// maxOutput is how much of a command's output is kept.
const maxOutput = 64 << 20

// errLate says that a command did not answer in time. What it was to do may have happened or still happen.
var errLate = errors.New("no answer in time")

// failedError is a command that ended with an exit code.
type failedError struct {
	name, stderr string
	code         int
}

func (e *failedError) Error() string {
	const most = 2000
	text := terminal.Block(e.stderr, "  ", most)
	if text == "" {
		text = fmt.Sprintf("exit code %d", e.code)
	}
	if strings.HasPrefix(text, e.name+":") {
		return text
	}
	return e.name + ": " + text
}

// run returns what the command prints on stdout and on stderr.
func (t tool) run(ctx context.Context, stdin string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.patience, errLate)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.name, args...)
	cmd.Env = environment()
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	// A Ctrl-C on the terminal is the launcher's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, errs := &limited{most: maxOutput}, &limited{most: maxOutput}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	stdout, stderr = out.text.String(), strings.TrimSpace(errs.text.String())
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout, stderr, nil
	case errors.Is(context.Cause(ctx), errLate):
		return stdout, stderr, fmt.Errorf("%s: %w (%s)", t.name, errLate, t.patience)
	case ctx.Err() != nil:
		return stdout, stderr, context.Cause(ctx)
	case errors.As(err, &exit):
		return stdout, stderr, &failedError{t.name, stderr, exit.ExitCode()}
	}
	return stdout, stderr, fmt.Errorf("%s: %w", t.name, err)
}

// limited keeps the beginning of what is written.
type limited struct {
	text bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - l.text.Len(); room > 0 {
		_, _ = l.text.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// environment is this process's without what changes the output of Slurm's programs or makes them wait.
func environment() []string {
	kept := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		for _, prefix := range []string{"SQUEUE_", "SCANCEL_"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return slices.Contains([]string{"SLURM_TIME_FORMAT", "SBATCH_WAIT", "SBATCH_ARRAY_INX", "SBATCH_OUTPUT", "SBATCH_ERROR", "SLURM_BITSTR_LEN"}, name)
	})
	// squeue prints lists of indices in full.
	return append(kept, "SLURM_BITSTR_LEN=0")
}

// find returns an error that says what to do if a program is not there.
func find(name, hint string) error {
	if _, err := exec.LookPath(name); err != nil {
		return exitcode.Usagef("%s: not on this machine; hint: %s", name, hint)
	}
	return nil
}
