package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/sshtest"
)

// output is what a program has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// program is kagurazaka at work.
type program struct {
	*exec.Cmd
	output
}

func start(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(filepath.Join(built, "bin", "kagurazaka"), args...)}
	p.Dir, p.Stdout, p.Stderr = dir, &p.output, &p.output
	p.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, ".state"), "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), "KAGURAZAKA_MISBEHAVE=slow", mark+"="+dir)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// end waits for the end of a program, and checks its exit code.
func (p *program) end(t *testing.T, code int) {
	t.Helper()
	late := time.AfterFunc(4*time.Minute, func() { _ = p.Process.Kill() })
	defer late.Stop()
	err := p.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := p.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, p.output.String())
	}
}

// lentRun is a run that only other machines work on.
func lentRun(t *testing.T, files int) (dir string, coordinator *program) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kagurazaka-lent-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("%06d.txt", i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	coordinator = start(t, dir, filepath.Join(built, "plugins", "misbehave"), "Files", "--listen", "--num_process", "0", "--run-dir", "run",
		"--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out")
	until(t, "the run waits for nodes", func() bool {
		_, err := os.Stat(filepath.Join(dir, "run", "fleet", "coordinator.json"))
		return err == nil
	})
	return dir, coordinator
}

func outputsIn(dir string) int {
	entries, _ := os.ReadDir(filepath.Join(dir, "out"))
	n := 0
	for _, e := range entries {
		if !e.IsDir() {
			n++
		}
	}
	return n
}

// until waits for what other programs do, which tell nobody.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// Nodes join through tunnels of ssh. One whose connection is killed ends at once, and the others do its items.
func TestLaunchSSH(t *testing.T) {
	s := sshtest.New(t)
	const files = 10_000
	dir, coordinator := lentRun(t, files)
	explainer := start(t, dir, "launch", "ssh", "a", "--explain", "--run-dir", "run", "--remote-path", filepath.Join(built, "bin", "kagurazaka"), "--", "-F", s.Config)
	explainer.end(t, 0)
	if text := explainer.output.String(); !strings.Contains(text, "a: ready\n") {
		t.Errorf("explained by %q, want that the host is ready", text)
	}
	launcher := start(t, dir, "launch", "ssh", "a", "b", "--run-dir", "run", "--num_process", "1", "--remote-path", filepath.Join(built, "bin", "kagurazaka"), "--", "-F", s.Config)
	until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "a node is started") == 2 && outputsIn(dir) > 300 && len(lifelines()) == 2
	})
	for _, p := range hosttest.Processes(mark + "=" + dir) {
		if strings.HasPrefix(p.Command, "ssh ") && strings.Contains(p.Command, " a exec ") {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	until(t, "one node is left", func() bool { return len(lifelines()) == 1 })
	coordinator.end(t, 0)
	launcher.end(t, 1)
	text := launcher.output.String()
	for _, want := range []string{"a: ssh was killed", "b: the node has ended with exit code 0", "the run needs this machine no more", "error: 1 node of 2 failed; see above"} {
		if !strings.Contains(text, want) {
			t.Errorf("the launcher does not say %q:\n%s", want, text)
		}
	}
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 && len(lifelines()) == 0 })
}

// lifelines are the nodes that hang on lifelines, by the path of the program under test.
func lifelines() (pids []string) {
	out, _ := exec.Command("pgrep", "-f", "^"+filepath.Join(built, "bin", "kagurazaka")+" work --lifeline").Output()
	return strings.Fields(string(out))
}
