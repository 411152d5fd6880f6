package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/sshtest"
)

// coordinator answers nodes on loopback. asked has the process of each node.
type coordinator struct {
	*httptest.Server
	asked  chan int
	answer string
}

const secret = "a-token-of-the-run.00ff"

func newCoordinator(t *testing.T, answer string) *coordinator {
	t.Helper()
	c := &coordinator{asked: make(chan int, 100), answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != secret {
			http.Error(w, "wrong secret", http.StatusForbidden)
			return
		}
		pid, _ := strconv.Atoi(r.URL.Query().Get("pid"))
		c.asked <- pid
		_, _ = w.Write([]byte(c.answer))
	}))
	t.Cleanup(c.Close)
	return c
}

type launchedSSH struct {
	*SSH
	events *events
	drain  chan struct{}
	cancel context.CancelFunc
	result chan error
}

func launchSSH(t *testing.T, s *sshtest.Server, c *coordinator, hosts ...string) *launchedSSH {
	t.Helper()
	log, events := newEvents(t)
	l := &launchedSSH{events: events, drain: make(chan struct{}), result: make(chan error, 1)}
	l.SSH = &SSH{
		Run: Run{ID: "20261127-203307-ab12cd", Fleet: "ABCDEFGHIJKLMNOP", URLs: []string{c.URL}, Secret: secret}, Log: log,
		Hosts: hosts, Args: []string{"-F", s.Config}, standIn: standInWords(t, "lifeline"),
	}
	return l
}

func (l *launchedSSH) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	t.Cleanup(cancel)
	go func() { l.result <- l.Start(ctx, l.drain) }()
}

func (l *launchedSSH) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-l.result:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("the launch does not end; it said:\n%s", strings.Join(l.events.all, "\n"))
		return nil
	}
}

// gone waits for the end of a process that is not this one's child.
func gone(t *testing.T, pid int) {
	t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("process %d lives on", pid)
		}
	}
}

func TestSSH(t *testing.T) {
	s := sshtest.New(t)
	t.Run("nodes join through the tunnel, and leave", func(t *testing.T) { sshDrain(t, s) })
	t.Run("a node ends with its connection", func(t *testing.T) { sshLost(t, s) })
	t.Run("the end of the launcher is that of its nodes", func(t *testing.T) { sshCancelled(t, s) })
	t.Run("what cannot be started", func(t *testing.T) { sshFailures(t, s) })
	t.Run("a missing program", func(t *testing.T) { sshMissing(t, s) })
}

func sshDrain(t *testing.T, s *sshtest.Server) {
	c := newCoordinator(t, "welcome")
	l := launchSSH(t, s, c, "a", "b", "c")
	l.start(t)
	for range l.Hosts {
		pid := <-c.asked
		words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || bytes.Contains(words, []byte(secret)) {
			t.Errorf("the command line of the node is %q (%v): it must not have the secret", words, err)
		}
	}
	line := l.events.wait(t, "starting a node")
	_, port, _ := strings.Cut(line, "port=")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatalf("no port in %q", line)
	}
	// Nothing listens anywhere but on 127.0.0.1.
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for row := range strings.Lines(string(table)) {
			f := strings.Fields(row)
			const listening = "0A"
			if len(f) > 3 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && !strings.HasPrefix(f[1], "0100007F:") {
				t.Errorf("the tunnel listens off loopback: %s", row)
			}
		}
	}
	close(l.drain)
	if err := l.wait(t); !errors.Is(err, errDrained) {
		t.Errorf("error %v, want that of an interruption", err)
	}
	for range l.Hosts {
		l.events.wait(t, "the node has ended with exit code 130")
	}
}

func sshLost(t *testing.T, s *sshtest.Server) {
	c := newCoordinator(t, "welcome")
	l := launchSSH(t, s, c, "a")
	l.start(t)
	pid := <-c.asked
	clients := hosttest.Running("ssh -T ")
	clients = slices.DeleteFunc(clients, func(p hosttest.Process) bool { return p.Parent != os.Getpid() })
	for _, p := range clients {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if len(clients) != 1 {
		t.Errorf("the clients of ssh were %v, want one", clients)
	}
	gone(t, pid)
	if err := l.wait(t); err == nil || !strings.Contains(err.Error(), "1 node of 1 failed") {
		t.Errorf("error %v, want one about the node", err)
	}
}

func sshCancelled(t *testing.T, s *sshtest.Server) {
	c := newCoordinator(t, "welcome")
	l := launchSSH(t, s, c, "a", "b")
	l.start(t)
	pids := []int{<-c.asked, <-c.asked}
	l.cancel()
	if err := l.wait(t); !errors.Is(err, errEnded) {
		t.Errorf("error %v, want that of a second signal", err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
}

func sshFailures(t *testing.T, s *sshtest.Server) {
	c := newCoordinator(t, "go away")
	l := launchSSH(t, s, c, "a", "unknown", "stranger")
	l.Node = Node{Program: "/bin/sh"}
	var out strings.Builder
	if err := l.Explain(context.Background(), &out); !errors.Is(err, errCannot) || !strings.Contains(out.String(), "unknown: its host key is unknown") || !strings.Contains(out.String(), "stranger: it does not let this user in") {
		t.Errorf("explained by %q (%v), want what is wrong with two hosts", out.String(), err)
	}
	l.start(t)
	if err := l.wait(t); err == nil || err.Error() != "3 nodes of 3 failed; see above" {
		t.Errorf("error %v, want one about the three nodes", err)
	}
	text := l.events.rest()
	for _, want := range []string{
		"its host key is unknown or another than before; hint: connect once with ssh -F " + s.Config + " unknown, look at the key and accept it",
		"it does not let this user in without a password; hint: ssh -F " + s.Config + " stranger must connect without asking anything",
		"the coordinator says go away",
		"a: the node has ended with exit code 7; its last lines:",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line has %q; there were:\n%s", want, text)
		}
	}
	if known, err := os.ReadFile(filepath.Join(s.Dir, "nothing")); err == nil && len(known) > 0 {
		t.Errorf("a host key was accepted without asking: %s", known)
	}
}

// TestSSHOutput is about what a host prints: warnings of a node are shown at once, and a line that comes again does not push out others.
func TestSSHOutput(t *testing.T) {
	log, events := newEvents(t)
	h := &host{SSH: &SSH{Run: Run{URLs: []string{"nats://127.0.0.1:4222"}}, Log: log}, name: "far"}
	again := strings.Repeat("connect_to 127.0.0.1 port 4222: failed.\n", 2*keptLines)
	h.read(strings.NewReader("21:45:38.759 [WARN]  kagurazaka: the disk is slow\nerror: first\n"+again), make(chan string, 1))
	h.read(strings.NewReader(joinedLine+"\n"), nil)
	if len(h.last) != 3 || h.last[1] != "error: first" {
		t.Errorf("kept are %q, want three lines", h.last)
	}
	text := events.rest()
	for _, want := range []string{"[WARN]  kagurazaka: far: the disk is slow", "[INFO]  kagurazaka: far: the node has joined the run"} {
		if !strings.Contains(text, want) {
			t.Errorf("no line has %q; there were:\n%s", want, text)
		}
	}
}

// TestSSHCertificate: a node at the end of a tunnel sees no name that a certificate of others is for.
func TestSSHCertificate(t *testing.T) {
	for want, run := range map[string]Run{
		"start the run without --tls-cert":                           {URLs: []string{"tls://login1:4222"}, Secret: "a-token"},
		"the server at team:4222 has a certificate for its own name": {URLs: []string{"tls://team:4222"}, Secret: "a-token", Named: true},
		"": {URLs: []string{"tls://login1:4222"}, Secret: "a-token.00ff"},
	} {
		s := &SSH{Run: run, Hosts: []string{"far"}}
		err := s.check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func sshMissing(t *testing.T, s *sshtest.Server) {
	c := newCoordinator(t, "welcome")
	l := launchSSH(t, s, c, "a")
	l.standIn = nil
	l.Node = Node{Program: "/opt/it's not here/kagurazaka"}
	l.start(t)
	if err := l.wait(t); err == nil {
		t.Error("the launch has not failed")
	}
	if want, text := "/opt/it's not here/kagurazaka is not there; hint: copy this program to that path, or say with --remote-path where it is", l.events.rest(); !strings.Contains(text, want) {
		t.Errorf("no line has %q; there were:\n%s", want, text)
	}
}
