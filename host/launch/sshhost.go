package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// host is one connection.
type host struct {
	*SSH
	name string
	// last are the last lines that the host has printed.
	mu   sync.Mutex
	last []string
}

const (
	// keptLines is how many lines of a host are shown at its end, lineBytes the most of each.
	keptLines = 10
	lineBytes = 500
	// leaveTime is how long a node may take to see that its connection has ended.
	leaveTime = 5 * time.Second
)

// allocated is what ssh prints when the far end of the tunnel is there.
var allocated = lazily.Regexp(`^Allocated port (\d+) for remote forward to (.+):(\d+)$`)

func (h *host) run(ctx context.Context, drain <-chan struct{}) error {
	words, err := h.line(h.name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	// A Ctrl-C on the terminal is the launcher's: the node drains first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = leaveTime
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return h.tell(err)
	}
	h.Log.Info(h.name + ": connecting")
	ended := make(chan struct{})
	var writing, reading sync.WaitGroup
	port := make(chan string, 1)
	reading.Go(func() { h.read(out, nil) })
	reading.Go(func() { h.read(errs, port) })
	writing.Go(func() { h.feed(in, port, drain, ended) })
	reading.Wait()
	err = cmd.Wait()
	close(ended)
	writing.Wait()
	return h.tell(err)
}

// feed tells the node how to join, and to leave. The end of this pipe is the node's end, too.
func (h *host) feed(in io.WriteCloser, port <-chan string, drain, ended <-chan struct{}) {
	defer func() { _ = in.Close() }()
	select {
	case p := <-port:
		j, err := h.join(p)
		if err != nil {
			return
		}
		line, err := j.line()
		if err != nil {
			return
		}
		if _, err := io.WriteString(in, line); err != nil {
			return
		}
		h.Log.Info(h.name+": starting a node", "port", p)
	case <-drain:
		return
	case <-ended:
		return
	}
	select {
	case <-drain:
		_, _ = io.WriteString(in, drainLine+"\n")
		<-ended
	case <-ended:
	}
}

// read passes on what the host prints, and finds the tunnel's port in it.
func (h *host) read(from io.Reader, port chan<- string) {
	lines := bufio.NewReader(from)
	for {
		text, err := lines.ReadString('\n')
		if text = strings.TrimRight(text, "\r\n"); text != "" {
			if m := allocated().FindStringSubmatch(text); m != nil && port != nil && h.leadsTo(m[2], m[3]) {
				select {
				case port <- m[1]:
				default:
				}
			} else if text == joinedLine && port == nil {
				h.Log.Info(h.name + ": the node has joined the run")
			} else {
				h.keep(terminal.Line(text, lineBytes))
			}
		}
		if err != nil {
			return
		}
	}
}

// leadsTo reports whether a tunnel is ours: the user's configuration may have more.
func (h *host) leadsTo(host, port string) bool {
	address, err := h.address()
	return err == nil && address == net.JoinHostPort(host, port)
}

// warning is a line of the node's log that is shown at once.
var warning = lazily.Regexp(`^[0-9:.]+ \[WARN\] +kagurazaka: (.+)$`)

// keep keeps a line for the end. The same line again, as ssh prints it for each connection that fails, would push out others.
func (h *host) keep(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := warning().FindStringSubmatch(line); m != nil {
		h.Log.Warn(h.name + ": " + m[1])
	} else {
		h.Log.Debug(h.name + ": " + line)
	}
	if slices.Contains(h.last, line) {
		return
	}
	h.last = append(h.last, line)
	if len(h.last) > keptLines {
		h.last = slices.Delete(h.last, 0, len(h.last)-keptLines)
	}
}

// tell says how the node of a host has ended, with the last lines that it printed.
func (h *host) tell(err error) error {
	last := ""
	if len(h.last) > 0 {
		last = "; its last lines:\n  " + strings.Join(h.last, "\n  ")
	}
	code := 0
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		code = exit.ExitCode()
	default:
		h.Log.Error(h.name + ": ssh could not be started: " + err.Error())
		return err
	}
	text := fmt.Sprintf("%s: the node has ended with exit code %d", h.name, code)
	if code == exitcode.OK || code == exitcode.Interrupted {
		h.Log.Info(text + last)
		return nil
	}
	if why := h.why(code, last); why != "" {
		text = h.name + ": " + why
	}
	h.Log.Error(text + last)
	return errors.New(text)
}

// byHand is how the user connects to the host.
func (h *host) byHand() string {
	return shell(append(append([]string{"ssh"}, h.Args...), h.name))
}

// why explains the exit codes of ssh itself and of the shell there; empty: the code is the node's.
func (h *host) why(code int, text string) string {
	const own, missing, forbidden = 255, 127, 126
	switch {
	case code == own && strings.Contains(text, "Host key verification failed"):
		return fmt.Sprintf("its host key is unknown or another than before; hint: connect once with %s, look at the key and accept it", h.byHand())
	case code == own && strings.Contains(text, "Permission denied"):
		return fmt.Sprintf("it does not let this user in without a password; hint: %s must connect without asking anything: give it your key (ssh-copy-id), or start ssh-agent", h.byHand())
	case code == own && strings.Contains(text, "remote port forwarding failed"):
		return "its ssh server allows no tunnel; hint: AllowTcpForwarding in its sshd_config must be yes or remote"
	case code == own:
		return "the connection failed or was lost"
	case code == missing:
		return fmt.Sprintf("%s is not there; hint: copy this program to that path, or say with --remote-path where it is", h.Node.Program)
	case code == forbidden:
		return fmt.Sprintf("%s cannot be run there; hint: is it executable, and for that machine's architecture?", h.Node.Program)
	case code < 0:
		return "ssh was killed"
	}
	return ""
}
