package chaostest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// A worker whose item takes all memory that ulimit -v allows dies of it, and so it is said.
func TestUlimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	r := w.exhaust("reserve-at-item", "ulimit -v 4000000; ", filepath.Join(plugins, "misbehave"))
	w.want(r, 3, "for want of memory, of which ulimit -v allows 3906 MiB", "out of memory")
	w.oneFailed(r, "crash")
}

// In Python the item has an exception, and the worker lives on.
func TestUlimitPython(t *testing.T) {
	hosttest.NeedPython(t, root)
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	r := w.exhaust("reserve-at-item", "ulimit -v 4000000; ", taskFile(t))
	w.want(r, 3, "MemoryError")
	w.oneFailed(r, "error")
}

// The kernel's out-of-memory killer is named where it was at work.
func TestOutOfMemoryKiller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	// The limit of addresses is there should the group's not hold.
	r := w.exhaust("leak-at-item", "ulimit -v 4000000; echo $$ >"+memoryGroup(t, 200<<20)+"; ", filepath.Join(plugins, "misbehave"))
	w.want(r, 3, "was killed by signal 9 (killed) by the kernel's out-of-memory killer")
	w.oneFailed(r, "crash")
}

// exhaust runs a task of which one item takes all memory, or all addresses, after some words of shell.
func (w *world) exhaust(behaviour, before, plugin string) result {
	w.t.Helper()
	words := slices.Concat([]string{"exec", hostBinary, "--progress", "json", "--num_process", "1", "--chunksize", "5"}, files(plugin))
	env := []string{"KAGURAZAKA_MISBEHAVE=" + behaviour, "KAGURAZAKA_MISBEHAVE_ITEM=7"}
	return w.startWith("/bin/sh", env, "-c", before+strings.Join(words, " ")).wait()
}

func (w *world) oneFailed(r result, kind string) {
	w.t.Helper()
	if r.Failed != 1 || r.Done != items-1 || r.failed[0].Kind != kind {
		w.t.Errorf("%d done, %d failed: %+v", r.Done, r.Failed, r.failed)
	}
	w.settledIn("out", r, items)
	w.noStaging("out")
	w.nobodyIsLeft()
}

// memoryGroup makes a control group that may have so much memory, and returns the file that takes its processes.
func memoryGroup(t *testing.T, bytes int) string {
	t.Helper()
	name := fmt.Sprintf("kagurazaka-test-%d", os.Getpid())
	for _, version := range []struct{ root, limit string }{
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		dir := filepath.Join(version.root, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { eventually(gone, func() bool { return os.Remove(dir) == nil }) })
		if set(filepath.Join(dir, version.limit), fmt.Sprint(bytes)) == nil {
			// Swap would take what memory may not; where there is none, there is no such file.
			_ = set(filepath.Join(dir, "memory.swap.max"), "0")
			return filepath.Join(dir, "cgroup.procs")
		}
	}
	t.Skip("no control group with a limit of memory can be made here: that needs root, and control groups that may be written to")
	return ""
}

// set writes to a file of the kernel's. It makes none: then the folder is none of a control group.
func set(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
