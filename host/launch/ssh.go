package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// SSH starts a node on each of some hosts. The node reaches the coordinator through the connection of ssh, so nothing need listen elsewhere
// than on loopback, and it ends when the connection ends.
type SSH struct {
	Run  Run
	Node Node
	Log  Log
	// Hosts are what ssh takes for one: a name, USER@NAME, or a Host of its configuration.
	Hosts []string
	// Args are further words for ssh.
	Args []string

	// standIn is started in place of the node, in tests.
	standIn []string
}

// Check returns what is wrong with the options and what is missing on this machine.
func (s *SSH) Check() error {
	if err := s.check(); err != nil {
		return err
	}
	return find("ssh", "install OpenSSH's client")
}

func (s *SSH) check() error {
	var problems []problem.Problem
	add := func(format string, args ...any) {
		problems = append(problems, problem.Problem{Message: fmt.Sprintf(format, args...)})
	}
	if len(s.Hosts) == 0 {
		add("HOST: is missing; hint: write kagurazaka launch ssh HOST…")
	}
	for i, h := range s.Hosts {
		switch {
		case strings.HasPrefix(h, "-"):
			add("%s: is not a host; hint: words for ssh itself stand behind --: kagurazaka launch ssh HOST -- -p 2222", h)
		case slices.Contains(s.Hosts[:i], h):
			add("%s: is given twice; hint: one node uses all of a machine", h)
		}
	}
	if _, err := s.address(); err != nil {
		add("%v", err)
	}
	return problem.Err(problems)
}

// address is what the far end of the tunnel connects to: the coordinator's host and port.
func (s *SSH) address() (string, error) {
	u, err := s.url()
	if err != nil {
		return "", err
	}
	if (u.Scheme == "tls" || u.Scheme == "wss") && !strings.Contains(s.Run.Secret, ".") {
		if !s.Run.Named {
			return "", errors.New("the run's own certificate (--tls-cert) is for its own name, which a node at the end of a tunnel does not see; hint: start the run without --tls-cert, since the certificate that it then makes is good for a tunnel, or start kagurazaka work on the hosts, with --tls-ca FILE")
		}
		return "", fmt.Errorf("the server at %s has a certificate for its own name, which a node at the end of a tunnel does not see; hint: that server is there for all machines: start kagurazaka work on them", u.Host)
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, u.Port()), nil
}

// url is the run's address, the one on loopback if there is one.
func (s *SSH) url() (*url.URL, error) {
	text := ""
	for _, a := range s.Run.URLs {
		if text == "" || loopback(a) && !loopback(text) {
			text = a
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("the run's address %q has no host and port", text)
	}
	return u, nil
}

// join is how a node joins through a tunnel that ends at a port of its machine.
func (s *SSH) join(port string) (Join, error) {
	u, err := s.url()
	if err != nil {
		return Join{}, err
	}
	u.Host, u.User = net.JoinHostPort("127.0.0.1", port), nil
	return Join{URL: u.String(), Secret: s.Run.Secret}, nil
}

// line is the command line of ssh for a host. ssh chooses a free port there, and asks nothing: several hosts would ask at once.
func (s *SSH) line(host string) ([]string, error) {
	address, err := s.address()
	if err != nil {
		return nil, err
	}
	words := []string{
		"ssh", "-T", "-o", "BatchMode=yes", "-o", "LogLevel=INFO", "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
		// A shared connection would outlive this one, and its tunnel too.
		"-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ClearAllForwardings=no", "-R", "127.0.0.1:0:" + address,
	}
	words = append(words, s.Args...)
	return append(words, "--", host, s.remote()), nil
}

// remote is the command that the host's shell runs. exec leaves no shell beside the node.
func (s *SSH) remote() string {
	words := s.Node.work("--lifeline")
	if s.standIn != nil {
		words = s.standIn
	}
	return "exec " + shell(words)
}

// Start starts the nodes, and waits until all have ended. The first signal (drain) lets them leave; the end of ctx ends the connections.
func (s *SSH) Start(ctx context.Context, drain <-chan struct{}) error {
	if err := s.Check(); err != nil {
		return err
	}
	var running sync.WaitGroup
	results := make([]error, len(s.Hosts))
	for i, name := range s.Hosts {
		h := &host{SSH: s, name: name}
		running.Go(func() { results[i] = h.run(ctx, drain) })
	}
	running.Wait()
	if ctx.Err() != nil {
		return errEnded
	}
	select {
	case <-drain:
		return errDrained
	default:
	}
	failed := 0
	for _, err := range results {
		if err != nil {
			failed++
		}
	}
	if failed > 0 {
		return exitcode.With(exitcode.Failed, fmt.Errorf("%s of %d failed; see above", count.Of(failed, "node"), len(s.Hosts)))
	}
	return nil
}

// Print says what would be started.
func (s *SSH) Print(w io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	warn(s.Log, s.Run.doubts(context.Background()))
	for _, h := range s.Hosts {
		line, err := s.line(h)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, shell(line)); err != nil {
			return err
		}
	}
	return nil
}
