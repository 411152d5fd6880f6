package chaostest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// seedKey is the variable that replays a chaos test.
const seedKey = "KAGURAZAKA_CHAOS_SEED"

// storm is a run whose processes are killed at random until enough of them have been.
type storm struct {
	*world
	rng *rand.Rand
	// items is the number of inputs in folder "in"; the outputs go to "out".
	items   int
	command []string
	env     []string
	// workers, hosts and plugins are how many of each are still to be killed. A plugin is a process that makes workers:
	// with it ends the run.
	workers, hosts, plugins int
	// depth is how many processes are between the host and a worker, the worker included.
	depth int

	seen *arrivals
	// kills is how many workers were killed, rounds how many hosts were started.
	kills, rounds int
	// dead is how many hosts were killed, undone how many outputs were taken away again.
	dead, undone int
	// first holds what tells each output that was finished when a host was dead from one that is written again: it must stay.
	first map[string]written
	// direct: outputs are written in place. Then those in the hands of a host that is killed are written again, as many as it has
	// workers.
	direct  bool
	inHands int
}

// newRandom returns the random numbers of a chaos test, and says how to have the same again.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if os.Getenv("CI") == "true" {
		// What fails there must fail again.
		seed = 1
	}
	if text := os.Getenv(seedKey); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedKey, err)
		}
		seed = n
	}
	t.Logf("%s=%d draws the same kills", seedKey, seed)
	return rand.New(rand.NewPCG(seed, 5))
}

func newStorm(t *testing.T, items int) *storm {
	t.Helper()
	s := &storm{world: newWorld(t), rng: newRandom(t), items: items, first: map[string]written{}}
	s.many("in", items)
	if err := os.Mkdir(s.path("out"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.seen = watchFolder(t, s.path("out"))
	return s
}

// written is a file as it was written once.
type written struct {
	inode uint64
	at    syscall.Timespec
}

// blow starts hosts one after another until every kill has been made and everything is done.
func (s *storm) blow() {
	s.t.Helper()
	for {
		s.rounds++
		if s.rounds > 60 {
			s.t.Fatalf("after %d runs there is still something to do", s.rounds-1)
		}
		r, killed := s.round()
		s.nobodyIsLeft()
		s.remember()
		if s.t.Failed() {
			return
		}
		left := s.workers + s.hosts + s.plugins
		switch {
		case killed:
			s.dead++
		case r.code == 0 && left == 0:
			return
		case r.code == 0:
			// It was faster than the storm: some of the work is to be done once more.
			s.undo()
		case r.code == 3:
			s.poisoned(r)
		case r.code == 1:
			// Workers that die before they have done anything end a run, and so does the death of the process that makes
			// them, and of one that was closing its task.
			if !strings.Contains(r.stderr, "did not close its task") && !strings.Contains(r.stderr, "died one after another") && !strings.Contains(r.stderr, "no worker can be started") &&
				!strings.Contains(r.stderr, "making workers") && !strings.Contains(r.stderr, "the plugin process") {
				s.t.Fatalf("the run ended with:\n%s", r.stderr)
			}
		default:
			s.t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
		}
	}
}

// poisoned checks that nothing has failed but what was killed twice, by bad luck.
func (s *storm) poisoned(r result) {
	s.t.Helper()
	for _, f := range r.failed {
		if f.Kind != "crash" {
			s.t.Errorf("%s failed: %s: %s", f.name(), f.Kind, f.Message)
		}
	}
}

// round runs one host, kills workers on its way, and perhaps the host itself.
func (s *storm) round() (r result, killed bool) {
	s.t.Helper()
	// A host that finds nothing to do has nothing to be killed for.
	h := s.start(s.env, append([]string{"--progress", "json"}, s.command...)...)
	until := s.todo()
	// Outputs to wait for: between kills, and before the end of the host.
	gap := func() int { return 1 + s.rng.IntN(max(2*s.items/(s.workers+s.kills+1), 1)) }
	next, last := gap(), -1
	if s.hosts+s.plugins > 0 && until > 1 {
		last = 1 + s.rng.IntN(max(until*2/3, 1))
	}
	for n := 0; ; {
		select {
		case <-h.ended:
			return h.wait(), false
		case <-s.seen.more:
			n += s.seen.take()
		}
		if last >= 0 && n >= last {
			if s.hosts > 0 {
				s.hosts--
				h.signal(syscall.SIGKILL)
				return h.wait(), true
			}
			s.plugins -= s.kill(h, 1)
			last = -1
		}
		if n >= next && s.workers > 0 {
			if s.kill(h, s.depth) > 0 {
				s.workers--
				s.kills++
			}
			next = n + gap()
		}
	}
}

// kill kills one of the processes that are so far away from a host, and says how many it killed.
func (s *storm) kill(h *host, depth int) int {
	generation := []int{h.cmd.Process.Pid}
	all := s.processes()
	for range depth {
		var next []int
		for _, p := range all {
			if slices.Contains(generation, p.Parent) && !isGuard(p) {
				next = append(next, p.PID)
			}
		}
		generation = next
	}
	if len(generation) == 0 {
		return 0
	}
	victim := generation[s.rng.IntN(len(generation))]
	if syscall.Kill(victim, syscall.SIGKILL) != nil {
		return 0
	}
	return 1
}

func isGuard(p hosttest.Process) bool { return p.Command == "kagurazaka-guard" }

func (s *storm) todo() int {
	entries, err := os.ReadDir(s.path("out"))
	if err != nil {
		s.t.Fatal(err)
	}
	return max(s.items-len(entries), 0)
}

// remember checks that what is there is whole, and that what was there before has not been done again.
func (s *storm) remember() {
	s.t.Helper()
	for name := range s.outputs("out") {
		now := s.written(name)
		if before, ok := s.first[name]; ok && before != now {
			s.t.Errorf("%s was finished and has been done again", name)
		}
		s.first[name] = now
	}
}

func (s *storm) written(name string) written {
	s.t.Helper()
	info, err := os.Stat(s.path("out", name+".out"))
	if err != nil {
		s.t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return written{st.Ino, st.Mtim}
}

// undo removes a part of the outputs.
func (s *storm) undo() {
	s.t.Helper()
	for name := range s.first {
		if s.rng.IntN(3) > 0 {
			continue
		}
		if err := os.Remove(s.path("out", name+".out")); err != nil {
			s.t.Fatal(err)
		}
		delete(s.first, name)
		s.undone++
	}
}

// calm checks what the storm has left behind.
func (s *storm) calm() {
	s.t.Helper()
	done := s.outputs("out")
	for i := range s.items {
		if !done[input(i)] {
			s.t.Errorf("%s is lost", input(i))
		}
	}
	if len(done) != s.items {
		s.t.Errorf("%d outputs of %d inputs", len(done), s.items)
	}
	s.noStaging("out")
	if s.direct {
		// The processes of a host that was killed may have outlived the last run: it leaves their pages to the next one.
		s.nobodyIsLeft()
		s.want(s.run(nil, append([]string{"--no-ledger"}, s.command...)...), 0)
	}
	s.noJournal("out")
	// A host that is killed takes with it what it had not written down yet. What it had is true: nobody does it again.
	b := s.audit()
	if b.runs != s.rounds || b.died != s.dead {
		s.t.Errorf("%d runs are kept, %d of them without an end; there were %d, and %d hosts were killed", b.runs, b.died, s.rounds, s.dead)
	}
	if b.done > int64(s.items+s.undone) {
		s.t.Errorf("the ledgers have %d items done, of %d and %d that were taken away", b.done, s.items, s.undone)
	}
	s.t.Logf("%d hosts, %d workers killed, %d items done again because their worker died", s.rounds, s.kills, s.seen.twice())
	// Who was killed between an item's end and saying so has it done again, and nobody else.
	allowed := s.kills
	if s.direct {
		allowed += s.rounds * s.inHands
	}
	if again := s.seen.twice(); again > allowed {
		s.t.Errorf("%d outputs were written again, by %d kills", again, s.kills)
	}
}

func TestChaosGo(t *testing.T) {
	s := newStorm(t, 20_000)
	s.workers, s.hosts, s.depth = 200, 5, 1
	s.env = []string{"KAGURAZAKA_MISBEHAVE=slow"}
	s.command = append([]string{"--num_process", "4", "--chunksize", "16"}, files(filepath.Join(plugins, "misbehave"))...)
	s.blow()
	s.calm()
}

// TestChaosPython kills forked workers, and the processes that fork them: with one of those the run ends.
func TestChaosPython(t *testing.T) {
	for _, how := range []string{"direct", "staged"} {
		t.Run(how, func(t *testing.T) { chaosPython(t, how) })
	}
}

func chaosPython(t *testing.T, how string) {
	hosttest.NeedPython(t, root)
	s := newStorm(t, 2_000)
	s.direct, s.inHands = how == "direct", 4
	s.workers, s.hosts, s.plugins, s.depth = 40, 2, 2, 3
	s.env = []string{"KAGURAZAKA_MISBEHAVE=slow"}
	s.command = append([]string{"--outputs", how, "--num_process", "4", "--chunksize", "8"}, files(taskFile(t))...)
	s.blow()
	s.calm()
}

// TestChaosShards runs eight soft shards over the same outputs at once, kills a worker of each, and runs them again.
func TestChaosShards(t *testing.T) {
	hosttest.NeedPython(t, root)
	w := newWorld(t)
	const shards, n = 8, 400
	w.many("in", n)
	w.check(os.Mkdir(w.path("out"), 0o755))
	seen := watchFolder(t, w.path("out"))
	start := func(i int) *host {
		return w.start([]string{"KAGURAZAKA_MISBEHAVE=slow"}, append([]string{
			"--progress", "json", "--num_process", "2", "--chunksize", "4",
		}, append(files(taskFile(t)), "soft_shard.shard_num=8", "soft_shard.shard_idx="+strconv.Itoa(i))...)...)
	}
	var hosts []*host
	for i := range shards {
		hosts = append(hosts, start(i))
	}
	// Half of them die while they write.
	for arrived := 0; arrived < shards; {
		<-seen.more
		arrived += seen.take()
	}
	for _, h := range hosts[:shards/2] {
		h.signal(syscall.SIGKILL)
	}
	for _, h := range hosts {
		if r := h.wait(); r.code != 0 && r.code != -1 {
			t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
		}
	}
	w.nobodyIsLeft()
	w.outputs("out")
	hosts = nil
	for i := range shards {
		hosts = append(hosts, start(i))
	}
	for _, h := range hosts {
		if r := h.wait(); r.code != 0 {
			t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
		}
	}
	if done := w.outputs("out"); len(done) != n {
		t.Errorf("%d outputs of %d inputs", len(done), n)
	}
	w.noJournal("out")
}
