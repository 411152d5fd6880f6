// Package sshtest runs a real sshd on one machine, for tests.
package sshtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"
)

const sshd = "/usr/sbin/sshd"

// Server is a real sshd on loopback.
type Server struct {
	// Config is a configuration of ssh with the hosts a, b and c, which are this machine; unknown, whose key nobody has accepted; and stranger,
	// which lets nobody in. Dir has known, the file of known hosts, and nothing, that of the host unknown.
	Config, Dir string
}

// New starts a server for one test. Where there is no sshd, the test is skipped.
func New(t *testing.T) *Server {
	t.Helper()
	if _, err := os.Stat(sshd); err != nil {
		t.Skipf("there is no sshd: %v", err)
	}
	s := &Server{Dir: t.TempDir()}
	p := func(name string) string { return filepath.Join(s.Dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(p(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"host", "user", "stranger"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(p("user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	write("authorized", string(public))
	write("sshd_config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPidFile none\nMaxStartups 100:30:200\n", port, p("host"), p("authorized")))
	hostKey, err := os.ReadFile(p("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	write("known", fmt.Sprintf("[127.0.0.1]:%d %s", port, hostKey))
	const entry = "Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n"
	write("config", fmt.Sprintf(entry, "a b c", port, me.Username, p("user"), p("known"))+
		fmt.Sprintf(entry, "unknown", port, me.Username, p("user"), p("nothing"))+
		fmt.Sprintf(entry, "stranger", port, me.Username, p("stranger"), p("known")))
	s.Config = p("config")
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", p("sshd_config"))
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	late := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			return s
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("sshd does not listen: %s", log.String())
		}
	}
}
