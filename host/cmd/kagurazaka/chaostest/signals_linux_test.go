package chaostest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// held is a command whose item 7 waits until there is a file "go" in the folder "state", and its environment.
func (w *world) held() (env, command []string) {
	w.many("in", items)
	w.check(os.Mkdir(w.path("state"), 0o755))
	env = []string{"KAGURAZAKA_MISBEHAVE=wait-at-item", "KAGURAZAKA_MISBEHAVE_ITEM=7", "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("state")}
	return env, slices.Concat([]string{"--progress", "json", "--num_process", "2", "--chunksize", "5"}, files(filepath.Join(plugins, "misbehave")))
}

func (w *world) letGo() { w.check(os.WriteFile(w.path("state", "go"), nil, 0o644)) }

// A terminal that is closed lets what is in flight finish, as SIGTERM does.
func TestHangup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env, command := w.held()
	h := w.start(env, command...)
	h.hear("misbehave: wait-at-item")
	h.signal(syscall.SIGHUP)
	h.hear("stopping: ")
	w.letGo()
	r := h.wait()
	w.want(r, 130, "interrupted")
	w.settledIn("out", r, items)
	w.nobodyIsLeft()
}

// Under nohup it has no meaning.
func TestHangupUnderNohup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env, command := w.held()
	h := w.startWith("/bin/sh", env, append([]string{"-c", `trap "" HUP; exec "$@"`, "sh", hostBinary}, command...)...)
	h.hear("misbehave: wait-at-item")
	h.signal(syscall.SIGHUP)
	w.letGo()
	r := h.wait()
	w.want(r, 0)
	w.settledIn("out", r, items)
	w.nobodyIsLeft()
}

// A host that nothing else ends, because nobody reads what it writes, is ended by the third signal.
func TestTheThirdSignalEndsTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cmd := exec.Command(hostBinary, "--num_process", "1", filepath.Join(plugins, "misbehave"), "Items")
	cmd.Dir = w.dir
	cmd.Env = append(append(os.Environ(), w.env...), "KAGURAZAKA_MISBEHAVE=flood-stderr")
	unread, stderr, err := os.Pipe()
	w.check(err)
	defer func() { _ = unread.Close() }()
	// A full pipe: the first line stops the host.
	fd := int(stderr.Fd())
	w.check(syscall.SetNonblock(fd, true))
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 4096))
	}
	w.check(syscall.SetNonblock(fd, false))
	cmd.Stderr = stderr
	w.check(cmd.Start())
	_ = stderr.Close()
	if !eventually(hung, func() bool { return len(w.processes()) > 2 }) {
		t.Fatal("no worker was started")
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		w.check(cmd.Process.Signal(s))
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("it ended with %v, want exit code 130", cmd.ProcessState)
	}
	w.nobodyIsLeft()
}

// Signals are heard while a configuration is read that never comes.
func TestSignalsWhileTheConfigurationIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(syscall.Mkfifo(w.path("cfg.yaml"), 0o600))
	h := w.start(nil, "--cfg", w.path("cfg.yaml"), filepath.Join(plugins, "misbehave"), "Items")
	opened := make(chan io.Closer, 1)
	go func() {
		// It returns when the host has opened the other end.
		if f, err := os.OpenFile(w.path("cfg.yaml"), os.O_WRONLY, 0); err == nil {
			opened <- f
		}
	}()
	select {
	case f := <-opened:
		defer func() { _ = f.Close() }()
	case <-h.ended:
		t.Fatalf("the host did not read its configuration: %s", h.said())
	}
	h.signal(syscall.SIGTERM)
	w.want(h.wait(), 130, "interrupted before the run had begun")
	w.nobodyIsLeft()
}

// A signal that ends Go programs with exit code 2 must not look like wrong usage.
func TestFatalSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			env, command := w.held()
			h := w.start(env, command...)
			h.hear("misbehave: wait-at-item")
			h.signal(s)
			<-h.ended
			status, _ := h.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGABRT {
				t.Errorf("it ended with %v, want SIGABRT", h.cmd.ProcessState)
			}
			w.nobodyIsLeft()
		})
	}
}

// Under a limit of processes and threads that the host reaches at one point or another, it never says that its usage is wrong.
func TestThreadExhaustion(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: the limit needs a user of the test's own, whom root alone can make")
	}
	t.Parallel()
	w := newWorld(t)
	w.asSomebody()
	const uid = 54321
	w.check(filepath.WalkDir(w.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	}))
	w.credential = &syscall.Credential{Uid: uid, Gid: uid}
	try := func(limit int, args ...string) result {
		return w.startWith("/usr/bin/prlimit", nil, append([]string{fmt.Sprintf("--nproc=%d:%d", limit, limit), hostBinary}, args...)...).wait()
	}
	// Go's runtime makes some threads before the host's first line.
	least := 1
	for try(least, "--version").code != 0 {
		if least++; least > 64 {
			t.Fatal("it does not start with 64 threads")
		}
	}
	var codes []int
	for _, more := range []int{0, 3, 6, 100} {
		r := try(least+more, "--num_process", "2", filepath.Join(plugins, "misbehave"), "Items", "--count", "20")
		if r.code == 2 {
			t.Errorf("with %d processes and threads it ended with 2:\n%.2000s", least+more, r.stderr)
		}
		codes = append(codes, r.code)
		w.nobodyIsLeft()
	}
	if codes[0] == 0 || codes[3] != 0 {
		t.Errorf("exit codes %v, want that the first run finds no room and the last one does", codes)
	}
}

// As the first process of a container the host reaps what has lost its parent, hands signals on, and ends as its command does.
func TestAsTheFirstProcess(t *testing.T) {
	container := []string{"--pid", "--fork", "--mount-proc", "--kill-child"}
	if err := exec.Command("unshare", append(slices.Clone(container), "true")...).Run(); err != nil {
		t.Skipf("left out: a namespace of processes cannot be made here: %v", err)
	}
	misbehave := filepath.Join(plugins, "misbehave")
	inside := func(w *world, behaviour string, args ...string) *host {
		env := []string{"KAGURAZAKA_MISBEHAVE=" + behaviour, "KAGURAZAKA_MISBEHAVE_ITEM=7", "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("state")}
		return w.startWith("/usr/bin/unshare", env, slices.Concat(container, []string{hostBinary}, args)...)
	}
	t.Run("reaps", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.many("in", items)
		w.want(inside(w, "orphan-at-item", files(misbehave)...).wait(), 0)
	})
	t.Run("exit code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.many("in", items)
		w.want(inside(w, "error-at-item", files(misbehave)...).wait(), 3)
		w.want(inside(w, "", "--no-such-flag").wait(), 2)
	})
	t.Run("signals", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		_, command := w.held()
		h := inside(w, "wait-at-item", command...)
		h.hear("misbehave: wait-at-item")
		first := slices.IndexFunc(w.processes(), func(p hosttest.Process) bool {
			return p.Parent == h.cmd.Process.Pid && strings.HasPrefix(p.Command, hostBinary)
		})
		if first < 0 {
			t.Fatalf("the first process is not there: %v", w.processes())
		}
		w.check(syscall.Kill(w.processes()[first].PID, syscall.SIGTERM))
		h.hear("stopping: ")
		w.letGo()
		w.want(h.wait(), 130)
		w.nobodyIsLeft()
	})
}
