package chaostest

import (
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// A host that is killed in the middle of a resize, and the same command again: every picture is whole, and what was done is
// not done again.
func TestKillInTheMiddleOfAResize(t *testing.T) {
	t.Parallel()
	const pictures = 60
	w := newWorld(t)
	w.want(w.run(nil, filepath.Join(plugins, "picture"), "Picture", "--count", "60", "--size", "900", "--out", w.path("photos")), 0)
	w.check(os.Mkdir(w.path("small"), 0o755))
	seen := watchFolder(t, w.path("small"))
	command := []string{
		"--progress", "json", "--num_process", "2", filepath.Join(plugins, "resize"), "Resize", "--size", "300",
		"--mixin", "hard_shard_mode.input_path=photos", "hard_shard_mode.output_path=small",
	}
	h := w.start(nil, command...)
	for n := 0; n < 3; n += seen.take() {
		select {
		case <-seen.more:
		case <-h.ended:
			t.Fatalf("it ended before it was killed:\n%s", h.said())
		}
	}
	h.signal(syscall.SIGKILL)
	w.want(h.wait(), -1)
	w.nobodyIsLeft()
	before := w.pictures("small")
	if len(before) == 0 || len(before) == pictures {
		t.Errorf("%d pictures were done when the host was killed: it was to be in the middle", len(before))
	}

	r := w.run(nil, command...)
	w.want(r, 0)
	after := w.pictures("small")
	if len(after) != pictures || r.Skipped != len(before) || r.Done != pictures-len(before) {
		t.Errorf("%d pictures, then %d, with %d skipped and %d done", len(before), len(after), r.Skipped, r.Done)
	}
	for name, inode := range before {
		if after[name] != inode {
			t.Errorf("%s was done and has been done again", name)
		}
	}
	w.noStaging("small")
	w.nobodyIsLeft()
}

// pictures decodes every picture of a folder; it returns their inodes.
func (w *world) pictures(folder string) map[string]uint64 {
	w.t.Helper()
	entries, err := os.ReadDir(w.path(folder))
	w.check(err)
	found := map[string]uint64{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		f, err := os.Open(w.path(folder, e.Name()))
		w.check(err)
		if _, _, err := image.Decode(f); err != nil {
			w.t.Errorf("%s is no whole picture: %v", e.Name(), err)
		}
		info, err := f.Stat()
		w.check(err)
		found[e.Name()] = info.Sys().(*syscall.Stat_t).Ino
		_ = f.Close()
	}
	return found
}

// One item in a thousand hangs: it alone fails, as timeout, and what has failed is run again by itself.
func TestItemTimeoutAndRetryFailed(t *testing.T) {
	t.Parallel()
	const inputs = 1000
	for name, plugin := range map[string]string{"go": filepath.Join(plugins, "misbehave"), "python": taskFile(t)} {
		t.Run(name, func(t *testing.T) {
			if name == "python" {
				hosttest.NeedPython(t, root)
			}
			w := newWorld(t)
			w.many("in", inputs)
			command := slices.Concat([]string{"--progress", "json", "--item-timeout", "1s"}, files(plugin))
			r := w.run([]string{"KAGURAZAKA_MISBEHAVE=hang-at-item", "KAGURAZAKA_MISBEHAVE_ITEM=500"}, command...)
			w.want(r, 3, "timeout: took longer than --item-timeout 1s")
			if r.Done != inputs-1 || r.Failed != 1 || r.failed[0].name() != input(500) {
				t.Errorf("%d done, %d failed: %+v", r.Done, r.Failed, r.failed)
			}
			w.settledIn("out", r, inputs)
			r = w.run(nil, slices.Insert(command, 0, "--retry-failed")...)
			w.want(r, 0)
			if r.Done != 1 {
				t.Errorf("%d were done again", r.Done)
			}
			if done := w.outputs("out"); len(done) != inputs {
				t.Errorf("%d outputs of %d inputs", len(done), inputs)
			}
			w.audit()
			w.noStaging("out")
			w.nobodyIsLeft()
		})
	}
}

// Two of seven items fail at their first attempt, or at their first two: with as many retries all are done.
func TestRetriesOfAFlakyTask(t *testing.T) {
	t.Parallel()
	for retries, wanted := range map[string]int{"2": 0, "1": items/7 + 1} {
		t.Run(retries, func(t *testing.T) {
			w := newWorld(t)
			w.many("in", items)
			w.check(os.Mkdir(w.path("state"), 0o755))
			env := []string{"KAGURAZAKA_MISBEHAVE=flaky", "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("state")}
			command := slices.Concat([]string{"--progress", "json", "--retries", retries, "--retry-delay", "1ms"}, files(filepath.Join(plugins, "misbehave")))
			r := w.run(env, command...)
			code := 0
			if wanted > 0 {
				code = 3
			}
			w.want(r, code)
			if r.Failed != wanted {
				t.Errorf("%d failed with %s retries, want %d", r.Failed, retries, wanted)
			}
			w.settledIn("out", r, items)
			w.audit()
			w.want(w.run(env, command...), 0)
			w.noStaging("out")
			w.nobodyIsLeft()
		})
	}
}

// Two hosts over the same outputs at once: both end well, the second knows of the first, and all outputs are whole. The
// first is held at one item, so that it is there as long as it is to be.
func TestTwoHostsAtOnce(t *testing.T) {
	t.Parallel()
	const inputs, held = 2000, 1000
	w := newWorld(t)
	w.many("in", inputs)
	w.check(os.Mkdir(w.path("state"), 0o755))
	command := slices.Concat([]string{"--progress", "json", "--num_process", "2", "--chunksize", "5"}, files(filepath.Join(plugins, "misbehave")))
	wait := []string{
		"KAGURAZAKA_MISBEHAVE=wait-at-item", fmt.Sprintf("KAGURAZAKA_MISBEHAVE_ITEM=%d", held), "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("state"),
	}
	first := w.start(wait, command...)
	first.hear("misbehave: wait-at-item")
	two := w.run(nil, command...)
	w.want(two, 0, "another run is at work on the same outputs")
	w.settledIn("out", two, inputs)
	w.check(os.WriteFile(w.path("state", "go"), nil, 0o644))
	one := first.wait()
	w.want(one, 0)
	w.settledIn("out", one, inputs)
	if one.Done == 0 || two.Done == 0 || one.Done+two.Done < inputs {
		t.Errorf("one did %d and the other %d of %d", one.Done, two.Done, inputs)
	}
	w.noStaging("out")
	w.nobodyIsLeft()

	// Where the first is killed the second goes on, and cleans up after both.
	w.check(os.RemoveAll(w.path("out")))
	w.check(os.Remove(w.path("state", "go")))
	first = w.start(wait, command...)
	first.hear("misbehave: wait-at-item")
	second := w.start(wait, command...)
	second.hear("another run is at work")
	first.signal(syscall.SIGKILL)
	w.want(first.wait(), -1)
	w.check(os.WriteFile(w.path("state", "go"), nil, 0o644))
	two = second.wait()
	w.want(two, 0)
	w.settledIn("out", two, inputs)
	w.noStaging("out")
	w.nobodyIsLeft()
	w.audit()
}
