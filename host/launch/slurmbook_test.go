package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSlurmTime(t *testing.T) {
	for text, want := range map[string]string{
		"90": "1h30m0s", "1:30": "1m30s", "2:00:05": "2h0m5s", "1-2": "26h0m0s", "1-2:30": "26h30m0s", "1-02:30:01": "26h30m1s",
		"": "false", "UNLIMITED": "false", "1:2:3:4": "false", "-1": "false",
	} {
		got := "false"
		if d, ok := slurmTime(text, true); ok {
			got = d.String()
		}
		if got != want {
			t.Errorf("slurmTime(%q) = %s, want %s", text, got, want)
		}
	}
	for _, args := range [][]string{{"-t", "5"}, {"-t5"}, {"--time=5"}, {"--time", "0:05:00"}} {
		if d, ok := timeLimit(args); !ok || d != 5*time.Minute {
			t.Errorf("the limit of %q is %s (%t), want 5m", args, d, ok)
		}
	}
}

func TestReadQueue(t *testing.T) {
	text := "CLUSTER: other\n" +
		"12|[2-3,7%2]|PENDING|0:00|Resources||kagurazaka run R b1\n" +
		"12|0|RUNNING|1-00:00:01|None|n2|kagurazaka run R b1\n" +
		"12|1|COMPLETED|0:05|None|n1|a site|wrote this\n"
	want := []row{
		{job: "12", index: "2", state: "PENDING", reason: "Resources", comment: "kagurazaka run R b1"},
		{job: "12", index: "3", state: "PENDING", reason: "Resources", comment: "kagurazaka run R b1"},
		{job: "12", index: "7", state: "PENDING", reason: "Resources", comment: "kagurazaka run R b1"},
		{job: "12", index: "0", state: "RUNNING", used: 24*time.Hour + time.Second, reason: "None", node: "n2", comment: "kagurazaka run R b1"},
		{job: "12", index: "1", state: "COMPLETED", used: 5 * time.Second, reason: "None", node: "n1", comment: "a site|wrote this"},
	}
	if diff := cmp.Diff(want, readQueue(text), cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("readQueue differs (-want +got):\n%s", diff)
	}
}

// one is a row of the element b1-I.
func one(i int, state string, used time.Duration) row {
	return row{job: "12", index: fmt.Sprint(i), state: state, used: used, comment: commentStart + "R b1"}
}

func exit(code int) *int { return &code }

// Each case plays events to a book with the elements b1-0 to b1-2.
func TestBook(t *testing.T) {
	begin := func(b *book, i, pid int) {
		b.marked(fmt.Sprintf("b1-%d", i), marked{PID: pid}, fmt.Sprint("begun by ", pid))
	}
	stop := func(b *book, i, pid, code int, seconds float64) {
		b.marked(fmt.Sprintf("b1-%d", i), marked{PID: pid, Exit: exit(code), Seconds: seconds}, fmt.Sprint("ended ", pid))
	}
	see := func(b *book, rows ...row) {
		b.asking()
		b.seen(rows)
	}
	for name, c := range map[string]struct {
		lost   bool
		play   func(b *book)
		live   []string
		deaths []string
	}{
		"all wait": {play: func(b *book) { see(b, one(0, "PENDING", 0), one(1, "PENDING", 0), one(2, "PENDING", 0)) }, live: []string{"b1-0", "b1-1", "b1-2"}},
		"a failure by its mark and by squeue counts once": {play: func(b *book) {
			begin(b, 0, 1)
			stop(b, 0, 1, 1, 3)
			see(b, one(0, "FAILED", 3*time.Second), one(1, "PENDING", 0), one(2, "PENDING", 0))
		}, live: []string{"b1-1", "b1-2"}, deaths: []string{"b1-0"}},
		"a failure before the node's first mark": {play: func(b *book) {
			see(b, one(0, "FAILED", 0), one(1, "PENDING", 0), one(2, "PENDING", 0))
		}, live: []string{"b1-1", "b1-2"}, deaths: []string{"b1-0"}},
		"a late failure": {play: func(b *book) {
			begin(b, 0, 1)
			stop(b, 0, 1, 1, 61)
			see(b, one(1, "PENDING", 0), one(2, "PENDING", 0))
		}, live: []string{"b1-1", "b1-2"}},
		"preemption, cancellation, a lost machine": {play: func(b *book) {
			for i, state := range []string{"PREEMPTED", "CANCELLED", "NODE_FAIL"} {
				begin(b, i, i)
				see(b, one(i, state, time.Second))
			}
		}},
		"a node that drained early": {play: func(b *book) {
			begin(b, 0, 1)
			stop(b, 0, 1, 130, 2)
			see(b, one(0, "FAILED", 2*time.Second), one(1, "RUNNING", 0), one(2, "RUNNING", 0))
		}, live: []string{"b1-1", "b1-2"}},
		"gone without a trace": {play: func(b *book) {
			begin(b, 0, 1)
			see(b, one(1, "RUNNING", 0), one(2, "RUNNING", 0))
		}, live: []string{"b1-1", "b1-2"}, deaths: []string{"b1-0"}},
		"Slurm forgot what it had accepted": {play: func(b *book) { see(b) }},
		"one that survives excuses the earlier": {play: func(b *book) {
			see(b, one(0, "FAILED", 0), one(1, "RUNNING", 0), one(2, "RUNNING", 0))
			see(b, one(1, "RUNNING", 2*time.Minute), one(2, "FAILED", time.Second))
		}, live: []string{"b1-1"}, deaths: []string{"b1-2"}},
		"put back into the queue, and begun again": {play: func(b *book) {
			begin(b, 0, 1)
			see(b, one(0, "RUNNING", 0))
			see(b, one(0, "PENDING", 0))
			// The old mark is still there.
			begin(b, 0, 1)
			begin(b, 0, 2)
			see(b, one(0, "RUNNING", 0))
			stop(b, 0, 2, 1, 1)
		}, deaths: []string{"b1-0"}},
		"begun after squeue was asked": {play: func(b *book) {
			b.asking()
			begin(b, 0, 1)
			b.seen([]row{one(0, "PENDING", 0), one(1, "CANCELLED", 0), one(2, "CANCELLED", 0)})
			stop(b, 0, 1, 0, 100)
		}},
		"a lost reply, and Slurm has none": {lost: true, play: func(b *book) { see(b) }},
		"a lost reply, and Slurm has them": {lost: true, play: func(b *book) { see(b, one(0, "PENDING", 0), one(1, "RUNNING", 0)) }, live: []string{"b1-0", "b1-1"}},
		"a site replaces comments": {play: func(b *book) {
			r := one(0, "RUNNING", 0)
			r.comment = "project 7"
			see(b, r)
		}, live: []string{"b1-0"}},
		"taken over from an earlier launch": {play: func(b *book) {
			see(b, one(0, "RUNNING", 0), row{job: "9", index: "4", state: "RUNNING", comment: commentStart + "R b0"}, row{job: "8", index: "0", state: "FAILED", comment: commentStart + "R b9"})
		}, live: []string{"b0-4", "b1-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(func(string, ...any) {})
			job := "12"
			if c.lost {
				job = ""
			}
			b.submitted("b1", job, 3)
			c.play(b)
			if got := b.open(); !slices.Equal(got, c.live) {
				t.Errorf("live are %q, want %q", got, c.live)
			}
			if !slices.Equal(b.deaths, c.deaths) {
				t.Errorf("early deaths are %q, want %q", b.deaths, c.deaths)
			}
		})
	}
}

func testSlurm(dir string) *Slurm {
	return &Slurm{
		Run:   Run{ID: "20261127-203307-ab12cd", Fleet: "ABCDEFGHIJKLMNOP", Dir: dir, URLs: []string{"tls://10.0.0.1:4222"}},
		Node:  Node{Program: "/opt/kagurazaka", Flags: []string{"--num_process=4"}},
		Nodes: 4, GPUs: 1, DrainBefore: 2 * time.Minute, Args: []string{"--partition=gpu", "--time=60"},
	}
}

func TestSlurmPrints(t *testing.T) {
	var out strings.Builder
	if err := testSlurm("/data/run's 100%").Print(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "slurm.txt", out.String())
}

// The script is a shell's, whatever the folder is called, and the node gets the mark of its own index.
func TestSlurmScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a "run's" $HOME 100%`)
	s := testSlurm(dir)
	s.standIn = []string{"printf", `%s\n`}
	cmd := exec.Command("/bin/sh")
	cmd.Env = append(os.Environ(), "SLURM_ARRAY_TASK_ID=7")
	cmd.Stdin = strings.NewReader(s.script("b1"))
	out, err := cmd.Output()
	if want := "--mark\n" + dir + "/slurm/b1-7.node\n"; err != nil || string(out) != want {
		t.Errorf("the node's words are %q (%v), want %q", out, err, want)
	}
}

func TestSlurmBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Slurm)
		want   string
	}{
		"no nodes":      {func(s *Slurm) { s.Nodes = 0 }, "-N 0: must be the number of nodes to start, 1 or more"},
		"keep too many": {func(s *Slurm) { s.Keep = 5 }, "--keep 5: must be from 0 to the number of nodes (-N 4)"},
		"an array":      {func(s *Slurm) { s.Args = []string{"-a", "0-3"} }, "--array: must not be given to sbatch: the launcher decides it; hint: -N says how many nodes to start"},
		"a comment":     {func(s *Slurm) { s.Args = []string{"--comment=x"} }, "--comment: must not be given to sbatch"},
		"GPUs twice":    {func(s *Slurm) { s.Args = []string{"--gres=gpu:2"} }, "--gpus: must not be given together with sbatch's own option about GPUs"},
		"a folder":      {func(s *Slurm) { s.Run.Dir = `/a\b` }, "Slurm cannot write logs into a folder with such a name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testSlurm("/run")
			c.change(s)
			if err := s.check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Without Slurm's programs there is one message.
func TestSlurmMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := testSlurm("/run").Check(); err == nil || !strings.HasPrefix(err.Error(), "sbatch: not on this machine; hint: run the launcher on a machine from which jobs are submitted to Slurm") {
		t.Errorf("error %v, want one about sbatch", err)
	}
}
