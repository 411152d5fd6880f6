//go:build slurm

package launch

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/launch/slurmtest"
)

// launched is a launch at work.
type launched struct {
	*Slurm
	events *events
	ended  atomic.Bool
	drain  chan struct{}
	cancel context.CancelFunc
	result chan error
}

// launchSlurm starts a launch whose looks at the queue are two seconds apart.
func launchSlurm(t *testing.T, manner string, change func(*Slurm)) *launched {
	t.Helper()
	log, events := newEvents(t)
	l := &launched{events: events, drain: make(chan struct{}), result: make(chan error, 1)}
	l.Slurm = &Slurm{
		Run: Run{ID: "20261127-203307-ab12cd", Dir: filepath.Join(t.TempDir(), "a run's 100%"), Fleet: "ABCDEFGHIJKLMNOP", URLs: []string{"nats://10.0.0.1:4222"}, Ended: l.ended.Load},
		Log: log, Nodes: 1, DrainBefore: 2 * time.Minute,
		every: 2 * time.Second, poll: 20 * time.Millisecond, standIn: standInWords(t, manner),
	}
	if change != nil {
		change(l.Slurm)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func() { l.result <- l.Start(ctx, l.drain) }()
	return l
}

// end ends the run as its coordinator does: all nodes leave.
func (l *launched) end(t *testing.T) {
	t.Helper()
	l.ended.Store(true)
	if err := os.WriteFile(filepath.Join(l.folder(), "over"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (l *launched) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-l.result:
		return err
	case <-time.After(3 * time.Minute):
		t.Fatalf("the launch does not end; it said:\n%s", strings.Join(l.events.all, "\n"))
		return nil
	}
}

// marks are the marks of all nodes.
func (l *launched) marks(t *testing.T) (all []marked) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(strings.NewReplacer("[", `\[`).Replace(l.folder()), "*"+markSuffix))
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var m marked
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func noJobs(c *slurmtest.Cluster, t *testing.T) {
	t.Helper()
	c.Until(t, "no job is left", func() bool {
		out, err := exec.Command("/usr/bin/squeue", "--noheader").Output()
		return err == nil && len(out) == 0
	})
}

// Three nodes are one call of sbatch and none of srun, and they end with the run.
func TestSlurmStartsNodesByOneArray(t *testing.T) {
	c := slurmtest.New(t)
	began := time.Now()
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Args = 3, []string{"--partition=main"} })
	for range 3 {
		l.events.wait(t, "a node has begun")
	}
	var machines []string
	out, err := exec.Command("/usr/bin/squeue", "--noheader", "--format=%i %N %k").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		machines = append(machines, f[1])
		if !strings.HasPrefix(f[2], "kagurazaka run 20261127-203307-ab12cd ") {
			t.Errorf("comment %q does not say the run", f[2])
		}
	}
	if len(machines) != 3 {
		t.Errorf("%d elements run, want 3:\n%s", len(machines), out)
	}
	l.end(t)
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	if sbatch, srun := c.Calls("sbatch"), c.Calls("srun"); sbatch != 1 || srun != 0 {
		t.Errorf("%d calls of sbatch and %d of srun, want 1 and 0", sbatch, srun)
	}
	if n, most := c.Calls("squeue"), 2+int(time.Since(began)/l.every); n > most {
		t.Errorf("%d calls of squeue, want at most %d", n, most)
	}
	noJobs(c, t)
}

// A node that is cancelled and one that is killed are replaced: neither was the node's fault.
func TestSlurmReplacesNodes(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Keep = 2, 2 })
	l.events.wait(t, "a node has begun")
	l.events.wait(t, "a node has begun")
	out, err := exec.Command("/usr/bin/squeue", "--noheader", "--array", "--format=%i").Output()
	if err != nil {
		t.Fatal(err)
	}
	first := strings.Fields(string(out))[0]
	if err := exec.Command("/usr/bin/scancel", "--signal=KILL", "--full", first).Run(); err != nil {
		t.Fatal(err)
	}
	l.events.wait(t, "a node has ended")
	l.events.wait(t, "submitted", "nodes=1")
	l.events.wait(t, "a node has begun")
	if n := c.Calls("sbatch"); n != 2 {
		t.Errorf("%d calls of sbatch, want 2", n)
	}
	l.end(t)
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	noJobs(c, t)
}

// Three starts that fail end the launch, with what the nodes had to say: those that could not begin, and those that were refused.
func TestSlurmStopsAfterThreeFailedStarts(t *testing.T) {
	for manner, says := range map[string]string{"fail": "error: this node has no folder /data", "fail-later": "error: wrong token"} {
		t.Run(manner, func(t *testing.T) {
			c := slurmtest.New(t)
			l := launchSlurm(t, manner, func(s *Slurm) { s.Nodes, s.Keep = 2, 2 })
			err := l.wait(t)
			if err == nil || !strings.Contains(err.Error(), "nodes ended within 1m0s of their start") || strings.Count(err.Error(), says) != maxEarly {
				t.Errorf("error %v, want one with the nodes' stderr", err)
			}
			if n := c.Calls("sbatch"); n != 2 {
				t.Errorf("%d calls of sbatch, want 2", n)
			}
			noJobs(c, t)
		})
	}
}

// A signal to the launcher lets the nodes leave by SIGTERM, and takes out of the queue what waits there.
func TestSlurmDrains(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Keep, s.Args = 8, 8, []string{"--exclusive"} })
	for range 3 {
		l.events.wait(t, "a node has begun")
	}
	close(l.drain)
	if err := l.wait(t); !errors.Is(err, errDrained) {
		t.Errorf("error %v, want that of an interruption", err)
	}
	for _, m := range l.marks(t) {
		if m.Exit == nil || *m.Exit != 130 {
			t.Errorf("a node's mark is %+v, want exit code 130", m)
		}
	}
	if n := c.Calls("sbatch"); n != 1 {
		t.Errorf("%d calls of sbatch, want 1", n)
	}
	noJobs(c, t)
}

// Before its time is over, a node is told to leave, and it is replaced then.
func TestSlurmDrainsBeforeTheWallTime(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) {
		s.Nodes, s.Keep, s.DrainBefore, s.Args = 1, 1, 10*time.Second, []string{"--time=1"}
	})
	l.events.wait(t, "perhaps at once")
	l.events.wait(t, "a node has begun")
	l.events.wait(t, "a node has ended", `how="exit code 130"`)
	l.events.wait(t, "submitted", "nodes=1")
	l.events.wait(t, "a node has begun")
	l.end(t)
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	noJobs(c, t)
}

// The reply of sbatch is lost, after Slurm took the nodes and before: none is started twice, and none is missing.
func TestSlurmFindsALostReply(t *testing.T) {
	for name, does := range map[string]string{
		"accepted": `/usr/bin/sbatch "$@" >/dev/null`,
		"lost":     `cat >/dev/null`,
	} {
		t.Run(name, func(t *testing.T) {
			c := slurmtest.New(t)
			again := `[ -e ` + c.Dir + `/once ] && exec /usr/bin/sbatch "$@"; touch ` + c.Dir + "/once\n"
			c.Replace(t, "sbatch", again+does+"\necho 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2\nexit 1")
			l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes = 2 })
			l.events.wait(t, "sbatch did not answer")
			l.events.wait(t, "a node has begun")
			l.events.wait(t, "a node has begun")
			l.end(t)
			if err := l.wait(t); err != nil {
				t.Errorf("the launch has failed: %v", err)
			}
			if got, want := len(l.marks(t)), 2; got != want {
				t.Errorf("%d nodes were started, want %d", got, want)
			}
			if got, want := c.Calls("sbatch"), map[string]int{"accepted": 1, "lost": 2}[name]; got != want {
				t.Errorf("%d calls of sbatch, want %d", got, want)
			}
			noJobs(c, t)
		})
	}
}

// The same command again takes over the nodes of a launcher that is gone.
func TestSlurmTakesOver(t *testing.T) {
	c := slurmtest.New(t)
	first := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Detach = 2, true })
	if err := first.wait(t); err != nil {
		t.Fatal(err)
	}
	second := launchSlurm(t, "stay", func(s *Slurm) { s.Run.Dir, s.Nodes, s.Keep = first.Run.Dir, 3, 3 })
	second.events.wait(t, "taken over")
	second.events.wait(t, "submitted", "nodes=1")
	for range 3 {
		second.events.wait(t, "a node has begun")
	}
	second.end(t)
	if err := second.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	noJobs(c, t)
}

// Slurm loses what it has just accepted, and gives the number to somebody else's job. The launcher takes that for no node of its own.
func TestSlurmTrustsNoNumber(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Keep, s.Args = 1, 1, []string{"--hold"} })
	l.events.wait(t, "submitted")
	c.Kill("slurmctld")
	if err := os.RemoveAll(filepath.Join(c.Dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.Dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Start(t, "slurmctld", "/usr/sbin/slurmctld", "-D", "-i")
	var other []byte
	c.Until(t, "another job has the number", func() (ok bool) {
		var err error
		other, err = exec.Command("/usr/bin/sbatch", "--parsable", "--hold", "--wrap=true").Output()
		return err == nil
	})
	l.events.wait(t, "Slurm does not know a node any more")
	l.events.wait(t, "submitted")
	l.cancel()
	if err := l.wait(t); !errors.Is(err, errDrained) {
		t.Errorf("error %v, want that of an interruption", err)
	}
	out, err := exec.Command("/usr/bin/squeue", "--noheader", "--format=%i %k").Output()
	if err != nil || strings.Fields(string(out))[0] != strings.TrimSpace(string(other)) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("the queue has %q, want the other job %s alone (%v)", out, other, err)
	}
}

// While slurmctld is dead the launcher waits, and the nodes work on.
func TestSlurmWaitsForADeadController(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Keep = 1, 1 })
	l.events.wait(t, "a node has begun")
	c.Stop("slurmctld")
	l.events.wait(t, "Slurm does not say how the nodes are")
	c.Start(t, "slurmctld", "/usr/sbin/slurmctld", "-D")
	l.events.wait(t, "Slurm answers again")
	if n := c.Calls("sbatch"); n != 1 {
		t.Errorf("%d calls of sbatch, want 1", n)
	}
	l.end(t)
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	noJobs(c, t)
}

// A machine's slurmd is killed: the copy there lives on, and Slurm starts the node again elsewhere. The launcher counts one.
func TestSlurmCountsANodeThatIsQueuedAgain(t *testing.T) {
	c := slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Nodes, s.Keep, s.Args = 1, 1, []string{"--nodelist=n1"} })
	l.events.wait(t, "a node has begun")
	c.Kill("n1")
	if err := exec.Command("/usr/bin/scontrol", "update", "nodename=n1", "state=down", "reason=test").Run(); err != nil {
		t.Fatal(err)
	}
	var job string
	c.Until(t, "the job is in the queue again", func() bool {
		out, err := exec.Command("/usr/bin/squeue", "--noheader", "--array", "--states=PENDING", "--format=%i").Output()
		job = strings.TrimSpace(string(out))
		return err == nil && job != ""
	})
	if out, err := exec.Command("/usr/bin/scontrol", "update", "jobid="+job, "nodelist=n2", "starttime=now").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.events.wait(t, "a node has begun")
	if n := c.Calls("sbatch"); n != 1 {
		t.Errorf("%d calls of sbatch, want 1", n)
	}
	pids := standIns()
	if len(pids) != 2 {
		t.Errorf("%d copies of the node live, want the old one and the new one", len(pids))
	}
	l.end(t)
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	c.Until(t, "no copy is left", func() bool { return len(standIns()) == 0 })
}

// standIns are the processes of stand-ins.
func standIns() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		words, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if f := strings.Split(string(words), "\x00"); slices.Contains(f, "stand-in") && slices.Contains(f, "--mark") && syscall.Kill(pid, 0) == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Slurm itself explains what it would do. Nothing is started by that.
func TestSlurmExplains(t *testing.T) {
	c := slurmtest.New(t)
	log, _ := newEvents(t)
	s := testSlurm(t.TempDir())
	s.Log, s.GPUs, s.Args = log, 0, []string{"--partition=main"}
	var out strings.Builder
	if err := s.Explain(context.Background(), &out); err != nil || !strings.Contains(out.String(), "would start 4 nodes by one call of sbatch") || !strings.Contains(out.String(), "to start at") {
		t.Errorf("explained by %q (%v), want when Slurm would start them", out.String(), err)
	}
	out.Reset()
	s.Args = []string{"--cpus-per-task=64"}
	if err := s.Explain(context.Background(), &out); err == nil || !strings.Contains(out.String(), "Slurm would refuse: ") || !strings.Contains(out.String(), "node configuration is not available") {
		t.Errorf("explained by %q (%v), want Slurm's own reason", out.String(), err)
	}
	noJobs(c, t)
}

// What sbatch refuses ends the launch at once, with its own words.
func TestSlurmRefuses(t *testing.T) {
	slurmtest.New(t)
	l := launchSlurm(t, "stay", func(s *Slurm) { s.Args = []string{"--partition=none"} })
	err := l.wait(t)
	if err == nil || !strings.Contains(err.Error(), "invalid partition specified: none") || !strings.Contains(err.Error(), "1 node cannot be started") {
		t.Errorf("error %v, want sbatch's own words", err)
	}
}
