package chaostest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/template"
)

const (
	// mark is an environment variable that every process of a world has, and that its value tells apart from others.
	mark = "KAGURAZAKA_CHAOS"
	// hung is when a host that has not ended is taken for one that never will: far more than any run here needs.
	hung = 2 * time.Minute
	// gone is how long what a dead host leaves may take to end.
	gone = 5 * time.Second
)

// world is a folder of its own, in which hosts are started.
type world struct {
	t    *testing.T
	dir  string
	mark string
	// env is added to the environment of each host.
	env []string
	// credential is whose the hosts are; nil: the test's user's.
	credential *syscall.Credential
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, mark: mark + "=" + dir}
	w.env = []string{
		w.mark, "HOME=" + dir, "XDG_CACHE_HOME=" + w.path(".cache"), "XDG_STATE_HOME=" + w.path(".state"), "TMPDIR=" + os.TempDir(),
		"KAGURAZAKA_PYTHON=" + hosttest.Python(root),
	}
	t.Cleanup(func() {
		for _, p := range w.processes() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	})
	return w
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *world) processes() []hosttest.Process { return hosttest.Processes(w.mark) }

// nobodyIsLeft waits a little for the last process of this world to go.
func (w *world) nobodyIsLeft() {
	w.t.Helper()
	if !eventually(gone, func() bool { return len(w.processes()) == 0 }) {
		w.t.Fatalf("processes are left: %v", w.processes())
	}
}

// eventually asks again and again until the answer is yes, or the time is over.
func eventually(patience time.Duration, ask func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return ask()
		}
	}
	return true
}

// many makes n small inputs in a folder of this world: f00000.txt, f00001.txt, …
func (w *world) many(folder string, n int) {
	w.t.Helper()
	dir := w.path(folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, input(i)), []byte(input(i)), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

func input(i int) string { return fmt.Sprintf("f%05d.txt", i) }

// whole is what the output of an input is that was written to its end.
func whole(name string) string {
	return fmt.Sprintf("the first half of %s, the second half of %s: %s\n", name, name, name)
}

// outputs are the names of the inputs whose outputs in a folder count as finished. Each of them must be whole; nothing else may be
// there but staging, and outputs of which the journal says that they are not finished.
func (w *world) outputs(folder string) map[string]bool {
	w.t.Helper()
	entries, err := os.ReadDir(w.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	journal, err := outputs.New(w.path(folder), outputs.Owner{}, nil)
	w.check(err)
	_, err = journal.Look(nil)
	w.check(err)
	done := map[string]bool{}
	for _, e := range entries {
		if e.Name() == template.StagingFolder || e.Name() == template.JournalFolder {
			continue
		}
		if journal.Of([]byte(e.Name())) != template.OutputWhole {
			continue
		}
		name, ok := strings.CutSuffix(e.Name(), ".out")
		if !ok {
			w.t.Errorf("%s is no output", e.Name())
			continue
		}
		text, err := os.ReadFile(w.path(folder, e.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		if string(text) != whole(name) {
			w.t.Errorf("%s is not whole: %q", e.Name(), text)
		}
		done[name] = true
	}
	return done
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// noStaging checks that nothing half-written is left beside the outputs.
func (w *world) noStaging(folder string) {
	w.t.Helper()
	entries, err := os.ReadDir(w.path(folder, template.StagingFolder))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		w.t.Error(err)
	case !slices.ContainsFunc(entries, isBegun):
		w.t.Error("an empty staging folder is left")
	}
	for _, entry := range entries {
		if !isBegun(entry) {
			w.t.Errorf("%s is left in the staging folder", entry.Name())
		}
	}
}

// isBegun reports whether a folder in a staging folder is that of a host that was killed in the microseconds before the folder had its
// name. Other hosts leave it alone for ten minutes, as its host may be alive. Workers never write there.
func isBegun(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".new-") }

// noJournal checks that nothing is said to be unfinished, and nobody is at work.
func (w *world) noJournal(folder string) {
	w.t.Helper()
	if entries, err := os.ReadDir(w.path(folder, template.JournalFolder)); err == nil {
		w.t.Errorf("a journal is left: %v", entries)
	}
}

// host is one run of the host.
type host struct {
	w    *world
	cmd  *exec.Cmd
	args []string

	mu     sync.Mutex
	stderr bytes.Buffer
	// heard is closed and replaced whenever a line comes on stderr.
	heard chan struct{}
	ended chan struct{}
	out   bytes.Buffer
}

// start starts a host with further variables in its environment.
func (w *world) start(env []string, args ...string) *host {
	w.t.Helper()
	return w.startWith(hostBinary, env, args...)
}

// startWith starts another program that becomes, or starts, a host.
func (w *world) startWith(program string, env []string, args ...string) *host {
	w.t.Helper()
	h := &host{w: w, args: args, heard: make(chan struct{}), ended: make(chan struct{})}
	h.cmd = exec.Command(program, args...)
	h.cmd.Dir = w.dir
	h.cmd.Env = append(append(os.Environ(), w.env...), env...)
	h.cmd.Stdout = &h.out
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: w.credential}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	h.cmd.Stderr = stderrW
	if err := h.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	_ = stderrW.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		h.read(stderr)
	}()
	go func() {
		_ = h.cmd.Wait()
		<-read
		close(h.ended)
	}()
	return h
}

func (h *host) read(stderr io.ReadCloser) {
	defer func() { _ = stderr.Close() }()
	in := bufio.NewReader(stderr)
	for {
		line, err := in.ReadString('\n')
		h.mu.Lock()
		h.stderr.WriteString(line)
		close(h.heard)
		h.heard = make(chan struct{})
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hear waits until the host has written some text to stderr.
func (h *host) hear(text string) {
	h.w.t.Helper()
	h.hearAgain(text, 1)
}

// hearAgain waits until the host has written some text to stderr so many times.
func (h *host) hearAgain(text string, times int) {
	h.w.t.Helper()
	deadline := time.NewTimer(hung)
	defer deadline.Stop()
	for {
		h.mu.Lock()
		found, heard := strings.Count(h.stderr.String(), text) >= times, h.heard
		h.mu.Unlock()
		if found {
			return
		}
		select {
		case <-heard:
		case <-h.ended:
			h.w.t.Fatalf("the host ended before it said %q:\n%s", text, h.said())
		case <-deadline.C:
			h.w.t.Fatalf("the host never said %q:\n%s", text, h.said())
		}
	}
}

func (h *host) hasEnded() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

func (h *host) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stderr.String()
}

func (h *host) signal(s syscall.Signal) {
	h.w.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		h.w.t.Fatal(err)
	}
}

// failed is an item that a host reported as failed.
type failed struct {
	Item struct {
		I     *int `json:"i"`
		Input struct {
			Name string `json:"file_name"`
		} `json:"input"`
	} `json:"item"`
	Kind     string `json:"kind"`
	Message  string `json:"message"`
	Attempts int    `json:"attempts"`
}

func (f failed) name() string {
	if f.Item.I != nil {
		return input(*f.Item.I)
	}
	return f.Item.Input.Name
}

// result is what a host has said in the end, of runs with --progress json.
type result struct {
	code   int
	stderr string
	failed []failed
	// ended is whether there was a summary, which the counts are of.
	ended                           bool
	Done, Skipped, Failed, Unlisted int
}

// total is how many items have an outcome.
func (r result) total() int { return r.Done + r.Skipped + r.Failed }

// wait waits for the host's end.
func (h *host) wait() result {
	h.w.t.Helper()
	deadline := time.NewTimer(hung)
	defer deadline.Stop()
	select {
	case <-h.ended:
	case <-deadline.C:
		_ = h.cmd.Process.Signal(syscall.SIGQUIT)
		<-h.ended
		h.w.t.Fatalf("kagurazaka %s hung:\n%s", strings.Join(h.args, " "), h.said())
	}
	r := result{code: h.cmd.ProcessState.ExitCode(), stderr: h.said()}
	for line := range bytes.Lines(h.out.Bytes()) {
		var kind struct {
			Type string `json:"message_type"`
		}
		if json.Unmarshal(line, &kind) != nil {
			continue
		}
		switch kind.Type {
		case "failed":
			var f failed
			if err := json.Unmarshal(line, &f); err != nil {
				h.w.t.Errorf("reading %s: %v", line, err)
			}
			r.failed = append(r.failed, f)
		case "summary":
			r.ended = true
			if err := json.Unmarshal(line, &r); err != nil {
				h.w.t.Errorf("reading %s: %v", line, err)
			}
		}
	}
	return r
}

// run runs a host to its end.
func (w *world) run(env []string, args ...string) result {
	w.t.Helper()
	return w.start(env, args...).wait()
}

// want checks a run's exit code and some of what it said.
func (w *world) want(r result, code int, texts ...string) {
	w.t.Helper()
	if r.code != code {
		w.t.Errorf("exit code %d, want %d:\n%s", r.code, code, r.stderr)
	}
	said := r.stderr
	for _, f := range r.failed {
		said += f.Kind + ": " + f.Message + "\n"
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			w.t.Errorf("it did not say %q:\n%s", text, said)
		}
	}
	if strings.Contains(r.stderr, "goroutine 1 [") || strings.Contains(r.stderr, "DATA RACE") {
		w.t.Errorf("a trace of the host's own reaches the user:\n%s", r.stderr)
	}
}

// settled checks that each of n items has one outcome: done or failed, never both. A run that broke off owes no outcome, but
// may still not count twice.
func (w *world) settled(r result, n int) {
	w.t.Helper()
	if !r.ended {
		return
	}
	seen := map[string]bool{}
	for _, f := range r.failed {
		if seen[f.name()] {
			w.t.Errorf("%s is reported as failed twice", f.name())
		}
		seen[f.name()] = true
	}
	if len(r.failed) != r.Failed {
		w.t.Errorf("%d items are counted as failed, %d are reported", r.Failed, len(r.failed))
	}
	if finished := r.code == 0 || r.code == 3; finished && r.total() != n || r.total() > n {
		w.t.Errorf("%d done, %d skipped, %d failed of %d items", r.Done, r.Skipped, r.Failed, n)
	}
}

// settledIn is settled for a task with outputs in a folder: what is done has a whole output, what has failed none.
func (w *world) settledIn(folder string, r result, n int) {
	w.t.Helper()
	w.settled(r, n)
	done := w.outputs(folder)
	for _, f := range r.failed {
		if done[f.name()] {
			w.t.Errorf("%s has failed and has an output", f.name())
		}
	}
	if finished := r.code == 0 || r.code == 3; finished && len(done) != r.Done+r.Skipped {
		w.t.Errorf("%d outputs, of %d items done and %d skipped", len(done), r.Done, r.Skipped)
	}
}
