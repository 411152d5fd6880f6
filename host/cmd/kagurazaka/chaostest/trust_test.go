package chaostest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What a task says of its own outputs is taken at its word: the host cannot know what should be in them. It knows which
// files there are, so that what is missing is done by the next run.
func TestOutputThatIsNotWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	command := slices.Concat([]string{"--progress", "json"}, files(filepath.Join(plugins, "misbehave")))
	r := w.run([]string{"KAGURAZAKA_MISBEHAVE=no-output", "KAGURAZAKA_MISBEHAVE_ITEM=7"}, command...)
	w.want(r, 0, "without the output that the finish check looks for")
	w.settled(r, items)
	if done := w.outputs("out"); len(done) != items-1 || done[input(7)] {
		t.Errorf("%d outputs, that of item 7 among them: %v", len(done), done[input(7)])
	}
	r = w.run(nil, command...)
	w.want(r, 0)
	if r.Done != 1 || r.Skipped != items-1 {
		t.Errorf("the next run did %d and skipped %d", r.Done, r.Skipped)
	}
	w.settledIn("out", r, items)
	w.nobodyIsLeft()
}

// A task that writes beside its own output what is another item's: it is renamed into place whole, and one of the two is
// there in the end.
func TestOutputOfAnotherItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	command := slices.Concat([]string{"--progress", "json", "--num_process", "2", "--chunksize", "5"}, files(filepath.Join(plugins, "misbehave")))
	r := w.run([]string{"KAGURAZAKA_MISBEHAVE=other-output", "KAGURAZAKA_MISBEHAVE_ITEM=7"}, command...)
	w.want(r, 0)
	w.settled(r, items)
	other := w.path("out", input(6)+".out")
	if text := w.read(other); text != whole(input(6)) && text != "the first half of f00006.txt, by f00007.txt\n" {
		t.Errorf("the output of item 6 is neither its own nor that of item 7: %q", text)
	}
	if text := w.read(w.path("out", input(7)+".out")); text != whole(input(7)) {
		t.Errorf("the output of item 7: %q", text)
	}
	r = w.run(nil, command...)
	w.want(r, 0)
	if r.Skipped != items {
		t.Errorf("the next run skipped %d of %d", r.Skipped, items)
	}
	w.noStaging("out")
	w.nobodyIsLeft()
}

// A worker that dies when its output is in place, and before it can say so, twice: the output is the truth.
func TestDeathBetweenAnOutputAndItsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("in", items)
	w.check(os.Mkdir(w.path("out"), 0o755))
	env := []string{"KAGURAZAKA_MISBEHAVE=done-and-die", "KAGURAZAKA_MISBEHAVE_ITEM=7", "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("out")}
	r := w.run(env, slices.Concat([]string{"--progress", "json"}, files(filepath.Join(plugins, "misbehave")))...)
	w.want(r, 0, "killed by signal 9")
	w.settledIn("out", r, items)
	if r.Done != items {
		t.Errorf("%d done of %d", r.Done, items)
	}
	w.audit()
	w.noStaging("out")
	w.nobodyIsLeft()
}
