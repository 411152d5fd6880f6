//go:build slurm

package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/launch/slurmtest"
)

// launched is a launch at work.
type launched struct {
	*Slurm
	cluster *slurmtest.Cluster
	events  *events
	ended   atomic.Bool
	drain   chan struct{}
	cancel  context.CancelFunc
	result  chan error
}

// launches is how many there were: each is of a run of its own.
var launches atomic.Int64

// launchSlurm starts a launch whose looks at the queue are two seconds apart.
func launchSlurm(t *testing.T, c *slurmtest.Cluster, manner string, change func(*Slurm)) *launched {
	t.Helper()
	log, events := newEvents(t)
	l := &launched{cluster: c, events: events, drain: make(chan struct{}), result: make(chan error, 1)}
	l.Slurm = &Slurm{
		Run: Run{
			ID: "20261127-203307-ab12cd", Dir: filepath.Join(t.TempDir(), "a run's 100%"), Fleet: fmt.Sprintf("R%dX", launches.Add(1)),
			URLs: []string{"nats://10.0.0.1:4222"}, Ended: l.ended.Load,
		},
		Log: log, Nodes: 1, DrainBefore: 2 * time.Minute,
		every: 2 * time.Second, poll: 20 * time.Millisecond, standIn: standInWords(t, manner),
	}
	if change != nil {
		change(l.Slurm)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	t.Cleanup(cancel)
	go func() { l.result <- l.Start(ctx, l.drain) }()
	return l
}

// begin waits until some nodes have begun.
func (l *launched) begin(t *testing.T, nodes int) {
	t.Helper()
	for range nodes {
		l.events.wait(t, "a node has begun")
	}
}

// end ends the run as its coordinator does, so that all nodes leave, and checks that nothing of the launch is left.
func (l *launched) end(t *testing.T) {
	t.Helper()
	l.ended.Store(true)
	if err := os.WriteFile(filepath.Join(l.folder(), "over"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.wait(t); err != nil {
		t.Errorf("the launch has failed: %v", err)
	}
	l.noJobs(t)
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
	entries, err := os.ReadDir(l.folder())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), markSuffix) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(l.folder(), e.Name()))
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

// jobs is what squeue prints of the launch.
func (l *launched) jobs(t *testing.T, args ...string) string {
	t.Helper()
	return l.cluster.Slurm(t, "squeue", append([]string{"--noheader", "--name=" + l.jobName()}, args...)...)
}

func (l *launched) noJobs(t *testing.T) {
	t.Helper()
	l.cluster.Until(t, "no job is left", func() bool { return l.jobs(t) == "" })
}

// submits checks how often sbatch was called, and that srun was not.
func (l *launched) submits(t *testing.T, want int) {
	t.Helper()
	if sbatch, srun := l.cluster.Calls("sbatch", l.jobName()), l.cluster.Calls("srun", ""); sbatch != want || srun != 0 {
		t.Errorf("%d calls of sbatch and %d of srun, want %d and 0", sbatch, srun, want)
	}
}

// TestSlurm uses one real cluster for everything. First comes what needs it alone, then what can be side by side. A node whose time ends is there
// all along: Slurm takes up to a minute for that.
func TestSlurm(t *testing.T) {
	c := slurmtest.New(t)
	test := func(does func(*testing.T, *slurmtest.Cluster)) func(*testing.T) {
		return func(t *testing.T) { does(t, c) }
	}
	t.Run("a number is trusted by nobody", test(slurmTrustsNoNumber))
	limited := launchSlurm(t, c, "stay", func(s *Slurm) {
		s.Keep, s.DrainBefore, s.Args = 1, 10*time.Second, []string{"--time=1", "--nodelist=n3"}
	})
	t.Run("the controller is dead", test(slurmWaitsForADeadController))
	t.Run("a machine is lost", test(slurmCountsANodeThatIsQueuedAgain))
	loseReplies(t, c)
	t.Run("side by side", func(t *testing.T) {
		for name, does := range map[string]func(*testing.T, *slurmtest.Cluster){
			"one array":          slurmStartsNodesByOneArray,
			"nodes are replaced": slurmReplacesNodes,
			"preemption":         slurmReplacesPreemptedNodes,
			"starts that cannot": func(t *testing.T, c *slurmtest.Cluster) {
				slurmStopsAfterThree(t, c, "fail", "error: this node has no folder /data")
			},
			"starts that are refused": func(t *testing.T, c *slurmtest.Cluster) {
				slurmStopsAfterThree(t, c, "fail-later", "error: wrong token")
			},
			"a signal":                slurmDrains,
			"a reply lost afterwards": func(t *testing.T, c *slurmtest.Cluster) { slurmFindsALostReply(t, c, "accepted", 1) },
			"a reply lost before":     func(t *testing.T, c *slurmtest.Cluster) { slurmFindsALostReply(t, c, "lost", 2) },
			"the same command again":  slurmTakesOver,
			"explained":               slurmExplains,
			"refused":                 slurmRefuses,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				does(t, c)
			})
		}
	})
	t.Run("the time ends", func(t *testing.T) { slurmDrainsBeforeTheWallTime(t, limited) })
}

// Three nodes are one call of sbatch and none of srun, and they end with the run.
func slurmStartsNodesByOneArray(t *testing.T, c *slurmtest.Cluster) {
	began := time.Now()
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Nodes, s.Args = 3, []string{"--partition=main"} })
	l.begin(t, 3)
	lines := strings.Split(l.jobs(t, "--format=%i %k"), "\n")
	if len(lines) != 3 {
		t.Errorf("%d elements run, want 3: %q", len(lines), lines)
	}
	for _, line := range lines {
		if _, comment, _ := strings.Cut(line, " "); !strings.HasPrefix(comment, "kagurazaka run 20261127-203307-ab12cd ") {
			t.Errorf("comment %q does not say the run", comment)
		}
	}
	l.end(t)
	l.submits(t, 1)
	if n, most := c.Calls("squeue", l.jobName()), 2+int(time.Since(began)/l.every); n > most {
		t.Errorf("%d calls of squeue, want at most %d", n, most)
	}
}

// A node that is killed is replaced.
func slurmReplacesNodes(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Nodes, s.Keep = 2, 2 })
	l.begin(t, 2)
	c.Slurm(t, "scancel", "--signal=KILL", "--full", strings.Fields(l.jobs(t, "--array", "--format=%i"))[0])
	l.events.wait(t, "a node has ended")
	l.events.wait(t, "submitted", "nodes=1")
	l.begin(t, 1)
	l.end(t)
	l.submits(t, 2)
}

// A job of more weight takes the place of three nodes at once, which do not leave in time. That does not count as a failure, and the nodes are replaced as soon
// as there is room.
func slurmReplacesPreemptedNodes(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stubborn", func(s *Slurm) { s.Nodes, s.Keep, s.Args = 3, 3, []string{"--partition=low", "--cpus-per-task=9"} })
	l.begin(t, 3)
	other := c.Slurm(t, "sbatch", "--parsable", "--partition=high", "--nodes=3", "--ntasks=3", "--cpus-per-task=9", "--output=/dev/null", "--wrap=exec sleep 600")
	for range 3 {
		l.events.wait(t, "a node has ended", "how=PREEMPTED")
	}
	l.events.wait(t, "submitted", "nodes=3")
	l.events.wait(t, "a node waits")
	c.Slurm(t, "scancel", other)
	l.begin(t, 3)
	l.end(t)
	l.submits(t, 2)
}

// Three starts that fail end the launch, with what the nodes had to say.
func slurmStopsAfterThree(t *testing.T, c *slurmtest.Cluster, manner, says string) {
	l := launchSlurm(t, c, manner, func(s *Slurm) { s.Nodes, s.Keep = 2, 2 })
	err := l.wait(t)
	if err == nil || !strings.Contains(err.Error(), "nodes ended within 1m0s of their start") || strings.Count(err.Error(), says) != maxEarly {
		t.Errorf("error %v, want one with the nodes' stderr", err)
	}
	l.submits(t, 2)
	l.noJobs(t)
}

// A signal to the launcher lets the nodes leave by SIGTERM, and takes out of the queue what waits there.
func slurmDrains(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Nodes, s.Keep, s.Args = 8, 8, []string{"--licenses=seat"} })
	l.begin(t, 3)
	close(l.drain)
	if err := l.wait(t); !errors.Is(err, errDrained) {
		t.Errorf("error %v, want that of an interruption", err)
	}
	for _, m := range l.marks(t) {
		if m.Exit == nil || *m.Exit != 130 {
			t.Errorf("a node's mark is %+v, want exit code 130", m)
		}
	}
	l.submits(t, 1)
	l.noJobs(t)
}

// Before its time is over, a node is told to leave, and it is replaced then.
func slurmDrainsBeforeTheWallTime(t *testing.T, l *launched) {
	l.events.wait(t, "perhaps at once")
	l.begin(t, 1)
	l.events.wait(t, "a node has ended", `how="exit code 130"`)
	l.events.wait(t, "submitted", "nodes=1")
	l.begin(t, 1)
	l.end(t)
}

// loseReplies makes sbatch fail once for each of two manners, which stand among its words: it has submitted the jobs, or not.
func loseReplies(t *testing.T, c *slurmtest.Cluster) {
	t.Helper()
	c.Replace(t, "sbatch", `for manner in accepted lost; do
  case "$*" in *MANNER=$manner*) ;; *) continue ;; esac
  [ ! -e `+c.Dir+`/$manner ] || break
  touch `+c.Dir+`/$manner
  if [ $manner = accepted ]; then /usr/bin/sbatch "$@"; else cat; fi >/dev/null
  echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
  exit 1
done
exec /usr/bin/sbatch "$@"`)
}

// The reply of sbatch is lost: no node is started twice, and none is missing.
func slurmFindsALostReply(t *testing.T, c *slurmtest.Cluster, manner string, submits int) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Nodes, s.Args = 2, []string{"--export=ALL,MANNER=" + manner} })
	l.events.wait(t, "sbatch did not answer")
	l.begin(t, 2)
	l.end(t)
	if got, want := len(l.marks(t)), 2; got != want {
		t.Errorf("%d nodes were started, want %d", got, want)
	}
	l.submits(t, submits)
}

// The same command again takes over the nodes of a launcher that is gone.
func slurmTakesOver(t *testing.T, c *slurmtest.Cluster) {
	first := launchSlurm(t, c, "stay", func(s *Slurm) { s.Nodes, s.Detach = 2, true })
	if err := first.wait(t); err != nil {
		t.Fatal(err)
	}
	second := launchSlurm(t, c, "stay", func(s *Slurm) {
		s.Run.Dir, s.Run.Fleet, s.Nodes, s.Keep = first.Run.Dir, first.Run.Fleet, 3, 3
	})
	second.events.wait(t, "taken over")
	second.events.wait(t, "submitted", "nodes=1")
	second.begin(t, 3)
	second.end(t)
	second.submits(t, 2)
}

// Slurm loses what it has just accepted, and gives the number to somebody else's job. The launcher does not take that job for a node of its own.
func slurmTrustsNoNumber(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Keep, s.Args = 1, []string{"--hold"} })
	l.events.wait(t, "submitted")
	c.Kill("slurmctld")
	c.Forget(t)
	c.Start(t, "slurmctld", "/usr/sbin/slurmctld", "-D", "-i")
	var other string
	c.Until(t, "another job has the number", func() (ok bool) {
		out, err := exec.Command("/usr/bin/sbatch", "--parsable", "--hold", "--wrap=true").Output()
		other = strings.TrimSpace(string(out))
		return err == nil
	})
	l.events.wait(t, "Slurm does not know a node any more")
	l.events.wait(t, "submitted")
	l.cancel()
	if err := l.wait(t); !errors.Is(err, errEnded) {
		t.Errorf("error %v, want that of an interruption", err)
	}
	if left := c.Slurm(t, "squeue", "--noheader", "--format=%i"); left != other {
		t.Errorf("the queue has %q, want the other job %s alone", left, other)
	}
	c.Slurm(t, "scancel", other)
}

// While slurmctld is dead the launcher waits, and the nodes work on.
func slurmWaitsForADeadController(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Keep = 1 })
	l.begin(t, 1)
	c.Stop("slurmctld")
	l.events.wait(t, "Slurm does not say how the nodes are")
	c.Start(t, "slurmctld", "/usr/sbin/slurmctld", "-D")
	l.events.wait(t, "Slurm answers again")
	l.submits(t, 1)
	l.end(t)
}

// A machine's slurmd is killed: the copy there lives on, and Slurm starts the node again elsewhere. The launcher counts one.
func slurmCountsANodeThatIsQueuedAgain(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Keep, s.Args = 1, []string{"--nodelist=n1"} })
	l.begin(t, 1)
	c.Lose(t, "n1")
	var job string
	c.Until(t, "the job is in the queue again", func() bool {
		job = l.jobs(t, "--array", "--states=PENDING", "--format=%i")
		return job != ""
	})
	c.Slurm(t, "scontrol", "update", "jobid="+job, "nodelist=n2", "starttime=now")
	l.begin(t, 1)
	l.submits(t, 1)
	if n := len(l.copies()); n != 2 {
		t.Errorf("%d copies of the node live, want the old one and the new one", n)
	}
	l.end(t)
	c.Until(t, "no copy is left", func() bool { return len(l.copies()) == 0 })
	c.Return(t, "n1")
}

// copies are the processes of the nodes of a launch.
func (l *launched) copies() []hosttest.Process {
	return hosttest.Running(" --mark " + l.folder() + "/")
}

// Slurm itself explains what it would do. Nothing is started by that.
func slurmExplains(t *testing.T, _ *slurmtest.Cluster) {
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
	l := &launched{Slurm: s}
	if jobs := l.jobs(t); jobs != "" {
		t.Errorf("the queue has %q, want nothing", jobs)
	}
}

// What sbatch refuses ends the launch at once, with its own words.
func slurmRefuses(t *testing.T, c *slurmtest.Cluster) {
	l := launchSlurm(t, c, "stay", func(s *Slurm) { s.Args = []string{"--partition=none"} })
	err := l.wait(t)
	if err == nil || !strings.Contains(err.Error(), "invalid partition specified: none") || !strings.Contains(err.Error(), "1 node cannot be started") {
		t.Errorf("error %v, want sbatch's own words", err)
	}
}
