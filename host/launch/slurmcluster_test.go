//go:build slurm

package launch

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

// cluster is a real Slurm on this machine: munged, slurmctld and three slurmd, all of them in the foreground.
type cluster struct {
	dir     string
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

// newCluster starts a cluster for one test.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "kagurazaka-slurm-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{dir: dir, daemons: map[string]*exec.Cmd{}}
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
	c.start(t, "munged", "/usr/sbin/munged", "-F", "--force", "--key-file="+p("key"), "--socket="+p("munge.socket"), "--pid-file="+p("munge.pid"), "--seed-file="+p("seed"), "--log-file="+p("munge.log"))
	c.until(t, "munge has a socket", func() bool { _, err := os.Stat(p("munge.socket")); return err == nil })
	c.start(t, "slurmctld", "/usr/sbin/slurmctld", "-D", "-i")
	for _, n := range []string{"n1", "n2", "n3"} {
		c.startNode(t, n)
	}
	c.until(t, "three machines are idle", func() bool { return c.idle() == 3 })
	c.wrap(t)
	return c
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *cluster) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) start(t *testing.T, name, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	log, err := os.OpenFile(filepath.Join(c.dir, name+".out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	c.must(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	c.must(t, cmd.Start())
	_ = log.Close()
	c.daemons[name] = cmd
}

func (c *cluster) startNode(t *testing.T, name string) {
	t.Helper()
	c.start(t, name, "/usr/sbin/slurmd", "-D", "-N", name)
}

// kill ends a daemon at once.
func (c *cluster) kill(name string) {
	cmd := c.daemons[name]
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	delete(c.daemons, name)
}

func (c *cluster) stop() {
	_ = exec.Command("scancel", "--user=0").Run()
	for _, name := range []string{"n1", "n2", "n3", "slurmctld", "munged"} {
		if cmd := c.daemons[name]; cmd != nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	// A slurmstepd outlives its slurmd.
	for _, p := range hosttest.Processes("SLURM_CONF=" + filepath.Join(c.dir, "slurm.conf")) {
		if p.PID != os.Getpid() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	_ = os.RemoveAll(c.dir)
}

func (c *cluster) idle() int {
	out, err := exec.Command("/usr/bin/sinfo", "--noheader", "--Node", "--format=%T").Output()
	if err != nil {
		return 0
	}
	return strings.Count(string(out), "idle")
}

// until waits for a state of the cluster, which tells nobody.
func (c *cluster) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			out, _ := exec.Command("sh", "-c", "tail -n 20 "+c.dir+"/*.out "+c.dir+"/*.log; /usr/bin/squeue; /usr/bin/sinfo").CombinedOutput()
			t.Fatalf("not in time: %s\n%s", what, out)
		}
	}
}

// wrap puts programs before Slurm's that write down each call.
func (c *cluster) wrap(t *testing.T) {
	t.Helper()
	for _, name := range []string{"sbatch", "squeue", "srun", "scancel", "scontrol"} {
		c.replace(t, name, "exec /usr/bin/"+name+` "$@"`)
	}
	t.Setenv("PATH", filepath.Join(c.dir, "bin")+":"+os.Getenv("PATH"))
}

// replace puts another program before one of Slurm's. Its calls are written down all the same.
func (c *cluster) replace(t *testing.T, name, does string) {
	t.Helper()
	script := "#!/bin/sh\necho " + name + ` "$@" >>` + c.dir + "/calls\n" + does + "\n"
	c.must(t, os.WriteFile(filepath.Join(c.dir, "bin", name), []byte(script), 0o755))
}

// calls is how often a program was called.
func (c *cluster) calls(name string) (n int) {
	text, _ := os.ReadFile(filepath.Join(c.dir, "calls"))
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, name+" ") || line == name+"\n" {
			n++
		}
	}
	return n
}
