package plugin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/guard"
	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// maxHandshake is the length in bytes at which the first line is cut off.
const maxHandshake = 4096

// runner runs one plugin process for go-plugin. It is ours because go-plugin's own hands the user's stdin to every
// process, kills only the direct child, and stops draining stdout at the first line over 64 KiB.
type runner struct {
	cmd  *exec.Cmd
	name string
	log  *stderrLog
	// mtls: the plugin was asked for a certificate.
	mtls bool
	// cpus is where the process runs. refused says why it does not.
	cpus    cpu.Set
	refused error

	firstLine  *io.PipeReader
	lineWriter *io.PipeWriter

	mu        sync.Mutex
	handshake string
	said      bool
	// pid is 0 until the process runs. killed prevents the start of a process that was given up before it.
	pid    int
	killed bool

	// kills is the count of out-of-memory kills when the process started.
	kills oomCount

	drained sync.WaitGroup
	exited  chan struct{}
	exit    backbones.Exit
}

func newRunner(cmd *exec.Cmd, name string, log *stderrLog) *runner {
	r := &runner{cmd: cmd, name: name, log: log, exited: make(chan struct{})}
	r.firstLine, r.lineWriter = io.Pipe()
	return r
}

func (r *runner) Start(context.Context) error {
	line, err := lifeline()
	if err != nil {
		return err
	}
	// A new process group: Ctrl-C in the terminal reaches only the host, and everything that a plugin starts can be killed with it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.ExtraFiles = line[:1]
	r.cmd.Env = append(r.cmd.Env, wire.LifelineKey+"="+lifelineFD)
	stdout, stdoutW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe for the plugin's stdout: %w", err)
	}
	defer func() { _ = stdoutW.Close() }()
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("making a pipe for the plugin's stderr: %w", err), stdout.Close())
	}
	defer func() { _ = stderrW.Close() }()
	r.cmd.Stdout, r.cmd.Stderr = stdoutW, stderrW
	if err := r.start(); err != nil {
		close(r.exited)
		return errors.Join(err, stdout.Close(), stderr.Close(), r.lineWriter.Close())
	}
	r.drained.Go(func() { r.drainStdout(stdout) })
	r.drained.Go(func() {
		defer func() { _ = stderr.Close() }()
		r.log.drain(stderr)
	})
	go r.reap(stdout, stderr)
	return nil
}

// start starts the process, unless it was given up before.
func (r *runner) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.killed {
		return context.Canceled
	}
	r.kills = countKills()
	var err error
	if r.refused, err = r.cpus.Start(r.cmd.Start); err != nil {
		return err
	}
	r.pid = r.cmd.Process.Pid
	guard.Add(r.pid)
	return nil
}

// drainStdout hands the first line to go-plugin and everything after it to the log, whatever its length.
func (r *runner) drainStdout(stdout *os.File) {
	defer func() { _ = stdout.Close() }()
	in := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := in.ReadSlice('\n')
	r.mu.Lock()
	r.handshake, r.said = strings.TrimSpace(string(line)), len(line) > 0
	r.mu.Unlock()
	if len(line) > 0 {
		_, _ = r.lineWriter.Write(append(r.forGoPlugin(bytes.TrimSpace(line)), '\n'))
	}
	_ = r.lineWriter.Close()
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		r.log.drain(in)
	}
}

// forGoPlugin removes a certificate that was not requested: go-plugin would panic.
func (r *runner) forGoPlugin(line []byte) []byte {
	fields := bytes.Split(line, []byte{'|'})
	if r.mtls || len(fields) <= certificateField {
		return line
	}
	return bytes.Join(fields[:certificateField], []byte{'|'})
}

// drainTime bounds the reading from pipes of a process that has ended: a process outside of the group may hold them open.
const drainTime = 500 * time.Millisecond

// reap waits for the end of the process and reads the rest of its output.
func (r *runner) reap(stdout, stderr *os.File) {
	err := reapGroup(r.cmd)
	r.exit = exitOf(r.cmd.ProcessState, err)
	r.mu.Lock()
	r.exit.ByHost = r.killed && r.exit.Signal == syscall.SIGKILL
	r.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		r.drained.Wait()
		close(drained)
	}()
	waitOr(drained, drainTime, func() {
		_ = stdout.Close()
		_ = stderr.Close()
	})
	r.exit.Stderr = r.log.tail()
	r.exit.Memory = memoryOf(r.exit, r.kills, r.log.takeMemory())
	close(r.exited)
}

func exitOf(state *os.ProcessState, err error) backbones.Exit {
	if state == nil {
		return backbones.Exit{Code: -1, Reason: fmt.Sprintf("waiting for it failed: %v", err)}
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return backbones.Exit{Code: -1, Signal: ws.Signal()}
	}
	return backbones.Exit{Code: state.ExitCode()}
}

// killGroup kills the process and everything that it started. It does nothing to a process that has ended, and prevents the start of
// one that has not started.
func (r *runner) killGroup() {
	r.mu.Lock()
	r.killed = true
	pid := r.pid
	r.mu.Unlock()
	if pid != 0 && !isClosed(r.exited) {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// processID is 0 before the process has started.
func (r *runner) processID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid
}

func (r *runner) Wait(context.Context) error { <-r.exited; return nil }

// Kill does nothing. go-plugin calls it at once when a start fails; startFailed first waits for how the process ends by itself.
func (r *runner) Kill(context.Context) error { return nil }

func (r *runner) Stdout() io.ReadCloser { return r.firstLine }

// Stderr is empty: the runner reads the real one itself.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

func (r *runner) Name() string { return r.name }

func (r *runner) ID() string { return fmt.Sprint(r.processID()) }

func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost is where the plugin is reached.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" {
		return "", "", fmt.Errorf("the network %.40q is not a unix socket", network)
	}
	return network, address, nil
}

func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// firstSaid is the first line on stdout, cut at maxHandshake.
func (r *runner) firstSaid() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handshake, r.said
}

// lifeline returns a pipe whose write end only this process has. Every process that the host starts holds the read end, and ends when
// it reads EOF, which the kernel delivers however the host dies.
var lifeline = sync.OnceValues(func() (ends [2]*os.File, err error) {
	if ends[0], ends[1], err = os.Pipe(); err != nil {
		return ends, fmt.Errorf("making the lifeline pipe: %w", err)
	}
	return ends, nil
})
