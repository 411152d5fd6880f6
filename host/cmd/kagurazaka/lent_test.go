package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	p.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, ".state"), "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), mark+"="+dir)
	p.Env = append(p.Env, slowUntilGo(dir)...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		if t.Failed() {
			t.Logf("kagurazaka %q said:\n%s", args, p.output.String())
		}
	})
	return p
}

// slowUntilGo is the environment of a plugin that takes its time until the test calls finish.
func slowUntilGo(dir string) []string {
	return []string{"KAGURAZAKA_MISBEHAVE=slow-until-go", "KAGURAZAKA_MISBEHAVE_STATE=" + dir}
}

// finish lets a run end.
func finish(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// doneBy is how many items each node of a run has done, by the run's ledger. Together they are all, and each item counts once.
func doneBy(t *testing.T, dir string, items int) (done []int) {
	t.Helper()
	show := start(t, dir, "show", "run")
	show.end(t, 0)
	sum := 0
	for _, m := range nodeLine.FindAllStringSubmatch(show.output.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		done = append(done, n)
		sum += n
	}
	if sum != items {
		t.Errorf("the nodes have done %d items, want %d:\n%s", sum, items, show.output.String())
	}
	slices.Sort(done)
	slices.Reverse(done)
	return done
}

var nodeLine = regexp.MustCompile(`(?m)^ +(?:nodes +)?\S.*: done (\d+), skipped 0, failed 0, `)

// noneLeft waits until all processes of a test have ended.
func noneLeft(t *testing.T, dir string) {
	t.Helper()
	until(t, "no process is left", func() bool { return len(hosttest.Processes(mark+"="+dir)) == 0 })
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
	const files = 2_000
	dir, coordinator := lentRun(t, files)
	program := filepath.Join(built, "bin", "kagurazaka")
	launch := func(code int, want string, args ...string) {
		t.Helper()
		launcher := start(t, dir, append([]string{"launch", "ssh", "--run-dir", "run"}, args...)...)
		launcher.end(t, code)
		if text := launcher.output.String(); !strings.Contains(text, want) {
			t.Errorf("launch ssh %q says\n%s\nwant %q", args, text, want)
		}
	}
	launch(0, "a: ready\n", "a", "--explain", "--remote-path", program, "--", "-F", s.Config)
	unknown := "unknown: its host key is unknown or another than before; hint: connect once with ssh -F " + s.Config + " unknown, look at the key and accept it"
	launch(1, unknown, "unknown", "--explain", "--remote-path", program, "--", "-F", s.Config)
	launch(1, unknown, "unknown", "--remote-path", program, "--", "-F", s.Config)
	// ssh's own reason is shown before anything is started, too.
	launch(1, "a: the connection failed or was lost\n  ssh: connect to host 127.0.0.1 port 1: Connection refused", "a", "--explain", "--", "-F", s.Config, "-p", "1")

	args := []string{"launch", "ssh", "a", "b", "--run-dir", "run", "--num_process", "1", "--remote-path", program}
	for _, v := range slowUntilGo(dir) {
		args = append(args, "--env", v)
	}
	launcher := start(t, dir, append(args, "--", "-F", s.Config)...)
	node := program + " work --lifeline"
	lifelines := func() int {
		// The clients of ssh have the same words.
		return len(hosttest.Running(node)) - len(hosttest.Running("exec "+node))
	}
	until(t, "two nodes work", func() bool {
		return strings.Count(launcher.output.String(), "the node has joined the run") == 2 && outputsIn(dir) > 20 && lifelines() == 2
	})
	for _, p := range hosttest.Processes(mark + "=" + dir) {
		if strings.HasPrefix(p.Command, "ssh ") && strings.Contains(p.Command, " a exec ") {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	until(t, "one node is left", func() bool { return lifelines() == 1 })
	finish(t, dir)
	coordinator.end(t, 0)
	launcher.end(t, 1)
	text := launcher.output.String()
	for _, want := range []string{"a: ssh was killed", "b: the node has ended with exit code 0", "the run needs this machine no more", "error: 1 node of 2 failed; see above"} {
		if !strings.Contains(text, want) {
			t.Errorf("the launcher does not say %q:\n%s", want, text)
		}
	}
	doneBy(t, dir, files)
	if n := outputsIn(dir); n != files {
		t.Errorf("there are %d outputs, want %d", n, files)
	}
	noneLeft(t, dir)
	until(t, "no node is left", func() bool { return lifelines() == 0 })
}

// Nodes that are started while the coordinator is gone wait until it is started again, as those do that find it by the run's folder.
func TestLaunchSSHWaits(t *testing.T) {
	s := sshtest.New(t)
	const files = 20
	dir, coordinator := lentRun(t, files)
	if err := coordinator.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	coordinator.end(t, -1)
	args := []string{"launch", "ssh", "a", "--run-dir", "run", "--num_process", "1", "--remote-path", filepath.Join(built, "bin", "kagurazaka"), "--"}
	explained := start(t, dir, append(slices.Insert(slices.Clone(args), 3, "--explain"), "-F", s.Config)...)
	explained.end(t, 0)
	for _, want := range []string{"would start a node on a, which reaches the run", "doubt: nothing answers at nats://127.0.0.1:"} {
		if text := explained.output.String(); !strings.Contains(text, want) {
			t.Errorf("launch ssh --explain says\n%s\nwant %q", text, want)
		}
	}
	launcher := start(t, dir, append(args, "-F", s.Config)...)
	until(t, "the launcher says what its node waits for", func() bool {
		return strings.Contains(launcher.output.String(), "a: the run's coordinator does not answer: waiting until it is started again")
	})
	if text := launcher.output.String(); strings.Contains(text, "has joined") {
		t.Errorf("the launcher says\n%s\nand no node has joined", text)
	}
	finish(t, dir)
	again := append(slices.Clone(coordinator.Args[1:]), "--resume", "run")
	start(t, dir, again...).end(t, 0)
	launcher.end(t, 0)
	if text := launcher.output.String(); !strings.Contains(text, "a: the node has joined the run") {
		t.Errorf("the launcher says\n%s\nwant that the node has joined", text)
	}
	doneBy(t, dir, files)
	noneLeft(t, dir)
}
