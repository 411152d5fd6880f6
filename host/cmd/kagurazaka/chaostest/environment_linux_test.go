package chaostest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// upheaval is a world that changes while a run is in its middle: its only worker waits at item 7.
type upheaval struct {
	*world
	flags []string
}

func newUpheaval(t *testing.T) upheaval {
	t.Helper()
	w := newWorld(t)
	w.many("in", items)
	for _, dir := range []string{"state", "out"} {
		if err := os.Mkdir(w.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return upheaval{w, []string{"--progress", "json", "--num_process", "1", "--chunksize", "5"}}
}

// during starts a run, changes the world in its middle, and returns what became of it.
func (u upheaval) during(change func()) result {
	u.t.Helper()
	env := []string{"KAGURAZAKA_MISBEHAVE=wait-at-item", "KAGURAZAKA_MISBEHAVE_ITEM=7", "KAGURAZAKA_MISBEHAVE_STATE=" + u.path("state")}
	h := u.start(env, slices.Concat(u.flags, files(filepath.Join(plugins, "misbehave")))...)
	h.hear("misbehave: wait-at-item")
	change()
	u.check(os.WriteFile(u.path("state", "go"), nil, 0o644))
	r := h.wait()
	u.nobodyIsLeft()
	return r
}

// again runs the same command once more, which is to finish.
func (u upheaval) again(n int) {
	u.t.Helper()
	r := u.run(nil, slices.Concat(u.flags, files(filepath.Join(plugins, "misbehave")))...)
	u.want(r, 0)
	u.settledIn("out", r, n)
	u.noStaging("out")
	u.nobodyIsLeft()
}

// mount puts a small file system on a folder.
func (w *world) mount(dir, options string) {
	w.t.Helper()
	if os.Geteuid() != 0 {
		w.t.Skip("mounting a file system needs root: this is tested in CI, where the tests are root's")
	}
	w.check(os.MkdirAll(dir, 0o755))
	w.check(syscall.Mount("tmpfs", dir, "tmpfs", 0, options))
	w.t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

func (w *world) remount(dir, options string) {
	w.t.Helper()
	w.check(syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, options))
}

// needFailures checks that some items failed, all of them for a reason.
func (u upheaval) needFailures(r result, reason string) {
	u.t.Helper()
	u.want(r, 3, reason)
	if r.Failed == 0 || r.Done == 0 {
		u.t.Errorf("%d done and %d failed: it was to happen in the middle", r.Done, r.Failed)
	}
}

func TestDiskFullInTheMiddle(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.mount(u.path("out"), "size=1m")
	r := u.during(func() { u.remount(u.path("out"), "size=96k") })
	u.needFailures(r, "no space left on device")
	u.settledIn("out", r, items)
	u.remount(u.path("out"), "size=1m")
	u.again(items)
}

func TestNoMoreFilesInTheMiddle(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.mount(u.path("out"), "nr_inodes=1k")
	r := u.during(func() { u.remount(u.path("out"), "nr_inodes=24") })
	u.needFailures(r, "no space left on device")
	u.settledIn("out", r, items)
	u.remount(u.path("out"), "nr_inodes=1k")
	u.again(items)
}

// The disk of the outputs is full from the start: not even staging can be made.
func TestDiskFullFromTheStart(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.mount(u.path("out"), "nr_inodes=1")
	r := u.run(nil, slices.Concat(u.flags, files(filepath.Join(plugins, "misbehave")))...)
	u.want(r, 1, "making a folder for outputs", "no space left on device")
	u.nobodyIsLeft()
	u.remount(u.path("out"), "nr_inodes=1k")
	u.again(items)
}

// What the host keeps of a run does not fit: the run itself goes on.
func TestDiskOfTheLedgerFull(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.mount(u.path(".state"), "size=1m")
	fill := u.path(".state", "fill")
	r := u.during(func() {
		if err := os.WriteFile(fill, make([]byte, 1<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("filling the disk: %v", err)
		}
	})
	u.want(r, 3, "the run is done, but its ledger", "no space left on device")
	u.settledIn("out", r, items)
	if r.Done != items {
		t.Errorf("%d done of %d", r.Done, items)
	}
	u.check(os.Remove(fill))
	u.again(items)
}

func TestOutputFolderMadeReadOnlyInTheMiddle(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.asSomebody()
	chmod := func(mode fs.FileMode) { u.check(os.Chmod(u.path("out"), mode)) }
	r := u.during(func() { chmod(0o555) })
	u.needFailures(r, "permission denied")
	u.settledIn("out", r, items)
	chmod(0o755)
	u.again(items)
}

// asSomebody gives this world to a user who is not root: root may write where nobody may.
func (w *world) asSomebody() {
	w.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	w.check(os.Chmod(filepath.Dir(w.dir), 0o755))
	w.check(filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}))
	w.credential = &syscall.Credential{Uid: nobody, Gid: nobody}
}

func TestOutputFolderRemovedInTheMiddle(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	r := u.during(func() { u.check(os.RemoveAll(u.path("out"))) })
	if r.code == 0 {
		t.Errorf("nothing failed, and the outputs are gone:\n%s", r.stderr)
	}
	u.want(r, r.code, "no such file or directory")
	u.settled(r, items)
	u.again(items)
}

func TestInputsVanishInTheMiddle(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	const gone = 20
	r := u.during(func() {
		for i := items - gone; i < items; i++ {
			u.check(os.Remove(u.path("in", input(i))))
		}
	})
	u.needFailures(r, "no such file or directory")
	u.settledIn("out", r, items)
	if r.Failed != gone {
		t.Errorf("%d items failed, and %d inputs are gone", r.Failed, gone)
	}
	u.again(items - gone)
}

// A part of the outputs lies on another file system than staging: renaming cannot reach it.
func TestOutputsOnAnotherFileSystem(t *testing.T) {
	t.Parallel()
	u := newUpheaval(t)
	u.many(filepath.Join("in", "far"), items)
	u.mount(u.path("out", "far"), "size=1m")
	r := u.run(nil, slices.Concat(u.flags, files(filepath.Join(plugins, "misbehave")))...)
	u.want(r, 0)
	if r.Done != 2*items {
		t.Errorf("%d done of %d", r.Done, 2*items)
	}
	if far := u.outputs(filepath.Join("out", "far")); len(far) != items {
		t.Errorf("%d of %d outputs are on the other file system", len(far), items)
	}
	u.noStaging("out")
	u.nobodyIsLeft()
}
