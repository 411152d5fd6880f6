package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// sha256 FILE NAME puts the SHA-256 of a file into a variable.
func sha256Of(ts *testscript.TestScript, _ bool, args []string) {
	sum := sha256.Sum256([]byte(ts.ReadFile(args[0])))
	ts.Setenv(args[1], hex.EncodeToString(sum[:]))
}

// natsserver CONFIG NAME starts a team's nats-server, a process of its own, and puts its URL into a variable. It ends with the script.
func natsServer(ts *testscript.TestScript, _ bool, args []string) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := free.Addr().String()
	ts.Check(free.Close())
	config := ts.MkAbs("server-" + args[1] + ".conf")
	ts.Check(os.WriteFile(config, []byte("listen: \""+address+"\"\n"+ts.ReadFile(args[0])), 0o600))
	cmd := exec.Command(natsServerPath(), "-c", config)
	cmd.Dir = ts.Getenv("WORK")
	log, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		ts.Logf("%s", lines.Text())
		if strings.Contains(lines.Text(), "Server is ready") {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			ts.Setenv(args[1], "nats://"+address)
			return
		}
	}
	ts.Fatalf("nats-server has not started")
}

func natsServerPath() string {
	return filepath.Join(filepath.Dir(hosttest.Python("../../..")), "nats-server")
}

// damage NAME replaces the URL in a variable by that of a relay to it, which changes one byte of the first large message that it sends back.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	to := strings.TrimPrefix(ts.Getenv(args[0]), "nats://")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = listener.Close() })
	var done atomic.Bool
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			}()
			go func() {
				_, _ = io.Copy(in, &changed{out, &done})
				_ = in.Close()
			}()
		}
	}()
	ts.Setenv(args[0], fmt.Sprintf("nats://%s", listener.Addr()))
}

// changed reads a stream with one byte of it changed, in the middle of much that comes at once.
type changed struct {
	io.Reader
	done *atomic.Bool
}

func (c *changed) Read(p []byte) (int, error) {
	const much = 16 << 10
	n, err := c.Reader.Read(p)
	if n > much && c.done.CompareAndSwap(false, true) {
		p[n/2] ^= 1
	}
	return n, err
}

// onemessage checks that the last command has printed one error, of one line, beside its log.
func oneMessage(ts *testscript.TestScript, _ bool, _ []string) {
	var errs, others []string
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		switch {
		case strings.HasPrefix(line, "error: "):
			errs = append(errs, line)
		case !logLine.MatchString(line) && strings.TrimSpace(line) != "":
			others = append(others, line)
		}
	}
	if len(errs) != 1 || len(others) > 0 {
		ts.Fatalf("%d errors and %d other lines, want one message: %q %q", len(errs), len(others), errs, others)
	}
}

var logLine = regexp.MustCompile(`^[0-9:.]+ \[(INFO|WARN)\]`)

// replace NAME OLD NEW replaces a text in a variable.
func replaceIn(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.ReplaceAll(ts.Getenv(args[0]), args[1], args[2]))
}
