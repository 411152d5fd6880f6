// Package slurmtest runs a real Slurm on one machine, for tests. They need Debian's slurm-wlm and munge, and to be root; task test:slurm runs them.
package slurmtest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// Cluster is a real Slurm on this machine: munged, slurmctld and three slurmd, all of them in the foreground.
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
SchedulerParameters=sched_interval=1,batch_sched_delay=0
StateSaveLocation=%[1]s/state
SlurmctldPidFile=%[1]s/slurmctld.pid
SlurmdSpoolDir=%[1]s/%%n
SlurmdPidFile=%[1]s/%%n.pid
SlurmctldLogFile=%[1]s/slurmctld.log
SlurmdLogFile=%[1]s/%%n.log
NodeName=n1 NodeHostname=localhost Port=%[4]d CPUs=2
NodeName=n2 NodeHostname=localhost Port=%[5]d CPUs=2
NodeName=n3 NodeHostname=localhost Port=%[6]d CPUs=2
PartitionName=main Nodes=ALL Default=YES State=UP MaxTime=60 DefaultTime=30
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
	for _, n := range []string{"n1", "n2", "n3"} {
		c.startNode(t, n)
	}
	c.Until(t, "three machines are idle", func() bool { return c.idle() == 3 })
	c.wrap(t)
	return c
}

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

func (c *Cluster) startNode(t *testing.T, name string) {
	t.Helper()
	c.Start(t, name, "/usr/sbin/slurmd", "-D", "-N", name)
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
	for _, name := range []string{"n1", "n2", "n3", "slurmctld", "munged"} {
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

func (c *Cluster) idle() int {
	out, err := exec.Command("/usr/bin/sinfo", "--noheader", "--Node", "--format=%T").Output()
	if err != nil {
		return 0
	}
	return strings.Count(string(out), "idle")
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

// Calls is how often a program was called.
func (c *Cluster) Calls(name string) (n int) {
	text, _ := os.ReadFile(filepath.Join(c.Dir, "calls"))
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, name+" ") || line == name+"\n" {
			n++
		}
	}
	return n
}
