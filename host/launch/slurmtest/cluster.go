// Package slurmtest runs a real Slurm on one machine, for tests. They need Debian's slurm-wlm and munge, and to be root; task test:slurm runs them.
package slurmtest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// Cluster is a real Slurm on this machine: munged, slurmctld and three slurmd, all of them in the foreground. The machines have more processors
// than this one, so that many jobs run at once. Jobs of the partition main are never preempted, those of low are by those of high.
type Cluster struct {
	// Dir has the logs of the daemons.
	Dir     string
	daemons map[string]*exec.Cmd
}

const clusterConfig = `ClusterName=test
SlurmctldHost=localhost
SlurmctldPort=%[2]d
SlurmdPort=%[3]d
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[1]s/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
SlurmdTimeout=15
MessageTimeout=5
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
Licenses=seat:3
SchedulerParameters=sched_interval=1,batch_sched_delay=0
StateSaveLocation=%[1]s/state
SlurmctldPidFile=%[1]s/slurmctld.pid
SlurmdSpoolDir=%[1]s/%%n
SlurmdPidFile=%[1]s/%%n.pid
SlurmctldLogFile=%[1]s/slurmctld.log
SlurmdLogFile=%[1]s/%%n.log
NodeName=n1 NodeHostname=localhost Port=%[4]d CPUs=16
NodeName=n2 NodeHostname=localhost Port=%[5]d CPUs=16
NodeName=n3 NodeHostname=localhost Port=%[6]d CPUs=16
PartitionName=DEFAULT Nodes=ALL State=UP MaxTime=60 DefaultTime=30
PartitionName=main Default=YES PreemptMode=OFF PriorityTier=1
PartitionName=low PriorityTier=1
PartitionName=high PreemptMode=OFF PriorityTier=9
`

// New starts a cluster for one test, and sets the environment so that Slurm's programs find it.
func New(t *testing.T) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "kagurazaka-slurm-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Dir: dir, daemons: map[string]*exec.Cmd{}}
	t.Cleanup(c.stop)
	for _, d := range []string{"state", "n1", "n2", "n3", "bin"} {
		c.must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	key := make([]byte, 128)
	_, _ = rand.Read(key)
	c.must(t, os.WriteFile(filepath.Join(dir, "key"), key, 0o400))
	ports := freePorts(t, 5)
	conf := filepath.Join(dir, "slurm.conf")
	text := fmt.Sprintf(clusterConfig, dir, ports[0], ports[1], ports[2], ports[3], ports[4])
	c.must(t, os.WriteFile(conf, []byte(text), 0o644))
	t.Setenv("SLURM_CONF", conf)
	p := func(name string) string { return filepath.Join(dir, name) }
	c.Start(t, "munged", "/usr/sbin/munged", "-F", "--force", "--key-file="+p("key"), "--socket="+p("munge.socket"), "--pid-file="+p("munge.pid"), "--seed-file="+p("seed"), "--log-file="+p("munge.log"))
	c.Until(t, "munge has a socket", func() bool { _, err := os.Stat(p("munge.socket")); return err == nil })
	c.Start(t, "slurmctld", "/usr/sbin/slurmctld", "-D", "-i")
	for _, n := range machines {
		c.startMachine(t, n)
	}
	c.Until(t, "all machines are idle", func() bool { return c.inState("idle") == len(machines) })
	c.wrap(t)
	return c
}

// machines are the names of the cluster's.
var machines = []string{"n1", "n2", "n3"}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *Cluster) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Start starts a daemon of the cluster.
func (c *Cluster) Start(t *testing.T, name, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	log, err := os.OpenFile(filepath.Join(c.Dir, name+".out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	c.must(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	c.must(t, cmd.Start())
	_ = log.Close()
	c.daemons[name] = cmd
}

func (c *Cluster) startMachine(t *testing.T, name string) {
	t.Helper()
	c.Start(t, name, "/usr/sbin/slurmd", "-D", "-N", name)
}

// Lose kills the slurmd of a machine, and lets Slurm know at once. The jobs there live on, and Slurm queues them again.
func (c *Cluster) Lose(t *testing.T, machine string) {
	t.Helper()
	c.Kill(machine)
	c.Slurm(t, "scontrol", "update", "nodename="+machine, "state=down", "reason=test")
}

// Return starts the slurmd of a lost machine again. The machine is resumed first: Slurm refuses that once slurmd has told that the machine is up.
func (c *Cluster) Return(t *testing.T, machine string) {
	t.Helper()
	c.Slurm(t, "scontrol", "update", "nodename="+machine, "state=resume")
	c.startMachine(t, machine)
}

// Forget removes what slurmctld remembers, which must not run.
func (c *Cluster) Forget(t *testing.T) {
	t.Helper()
	state := filepath.Join(c.Dir, "state")
	c.must(t, os.RemoveAll(state))
	c.must(t, os.Mkdir(state, 0o755))
}

// Slurm runs one of Slurm's own programs, past those that Replace puts before them, and returns what it prints.
func (c *Cluster) Slurm(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command("/usr/bin/"+name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Kill ends a daemon at once.
func (c *Cluster) Kill(name string) {
	cmd := c.daemons[name]
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	delete(c.daemons, name)
}

// Stop ends a daemon as an administrator does. A slurmctld that is killed may forget that jobs have begun.
func (c *Cluster) Stop(name string) {
	cmd := c.daemons[name]
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	delete(c.daemons, name)
}

func (c *Cluster) stop() {
	_ = exec.Command("scancel", "--user=0").Run()
	for _, name := range slices.Concat(machines, []string{"slurmctld", "munged"}) {
		if c.daemons[name] != nil {
			c.Stop(name)
		}
	}
	// A slurmstepd outlives its slurmd.
	for _, p := range hosttest.Processes("SLURM_CONF=" + filepath.Join(c.Dir, "slurm.conf")) {
		if p.PID != os.Getpid() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	_ = os.RemoveAll(c.Dir)
}

func (c *Cluster) inState(state string) int {
	out, err := exec.Command("/usr/bin/sinfo", "--noheader", "--Node", "--partition=main", "--format=%T").Output()
	if err != nil {
		return 0
	}
	return strings.Count(string(out), state)
}

// Until waits for a state of the cluster, which tells nobody.
func (c *Cluster) Until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			out, _ := exec.Command("sh", "-c", "tail -n 20 "+c.Dir+"/*.out "+c.Dir+"/*.log; /usr/bin/squeue; /usr/bin/sinfo").CombinedOutput()
			t.Fatalf("not in time: %s\n%s", what, out)
		}
	}
}

// wrap puts programs before Slurm's that write down each call.
func (c *Cluster) wrap(t *testing.T) {
	t.Helper()
	for _, name := range []string{"sbatch", "squeue", "srun", "scancel", "scontrol"} {
		c.Replace(t, name, "exec /usr/bin/"+name+` "$@"`)
	}
	t.Setenv("PATH", filepath.Join(c.Dir, "bin")+":"+os.Getenv("PATH"))
}

// Replace puts another program before one of Slurm's. Its calls are written down all the same.
func (c *Cluster) Replace(t *testing.T, name, does string) {
	t.Helper()
	script := "#!/bin/sh\necho " + name + ` "$@" >>` + c.Dir + "/calls\n" + does + "\n"
	c.must(t, os.WriteFile(filepath.Join(c.Dir, "bin", name), []byte(script), 0o755))
}

// Calls is how often a program was called with a word that contains a text.
func (c *Cluster) Calls(name, with string) (n int) {
	text, _ := os.ReadFile(filepath.Join(c.Dir, "calls"))
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line)+" ", name+" ") && strings.Contains(line, with) {
			n++
		}
	}
	return n
}
