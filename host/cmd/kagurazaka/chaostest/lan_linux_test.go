package chaostest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// lan is a world of several machines: each has a network namespace, a host name and a boot of its own, and a cable to one switch. They share the
// file system and the clock.
type lan struct {
	*world
	id, bridge string
	machines   int
}

var lans atomic.Int32

// needLAN skips the test where networks cannot be made.
func needLAN(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	for _, program := range []string{"ip", "unshare", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("making network namespaces needs %s: %v", program, err)
		}
	}
	name := fmt.Sprintf("kagurazaka-%d", os.Getpid())
	for _, args := range [][]string{{"netns", "add", name}, {"-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1"}, {"netns", "del", name}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			_ = exec.Command("ip", "netns", "del", name).Run()
			t.Skipf("no network can be made here: ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
}

// newLAN returns a network without machines. The test has called needLAN.
func newLAN(w *world) *lan {
	w.t.Helper()
	l := &lan{world: w, id: fmt.Sprintf("kagurazaka-%d-%d-", os.Getpid(), lans.Add(1))}
	l.bridge = l.id + "switch"
	l.ip("netns", "add", l.bridge)
	w.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", l.bridge).Run() })
	l.ip("-n", l.bridge, "link", "add", "br0", "type", "bridge")
	l.ip("-n", l.bridge, "link", "set", "br0", "up")
	return l
}

func (l *lan) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// machine is one machine of a LAN.
type machine struct {
	lan            *lan
	name, ns, port string
	address, boot  string
}

// machine adds a machine.
func (l *lan) machine(name string) *machine {
	l.t.Helper()
	l.machines++
	m := &machine{lan: l, name: name, ns: l.id + name, port: fmt.Sprintf("p%d", l.machines), address: fmt.Sprintf("10.77.0.%d", l.machines), boot: l.path("boot-" + name)}
	l.check(os.WriteFile(m.boot, []byte(fmt.Sprintf("00000000-0000-4000-8000-%012d\n", l.machines)), 0o644))
	l.ip("netns", "add", m.ns)
	l.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", m.ns).Run() })
	l.ip("-n", l.bridge, "link", "add", m.port, "type", "veth", "peer", "name", "eth0", "netns", m.ns)
	l.ip("-n", l.bridge, "link", "set", m.port, "master", "br0", "up")
	l.ip("-n", m.ns, "address", "add", m.address+"/24", "dev", "eth0")
	l.ip("-n", m.ns, "link", "set", "lo", "up")
	l.ip("-n", m.ns, "link", "set", "eth0", "up")
	return m
}

// unplug pulls the machine's cable out of the switch: no connection ends, and nothing comes through any more.
func (m *machine) unplug() { m.lan.ip("-n", m.lan.bridge, "link", "set", m.port, "down") }

func (m *machine) plug() { m.lan.ip("-n", m.lan.bridge, "link", "set", m.port, "up") }

// run starts a program on the machine. Its process is the one that is returned: nothing is between it and the test.
func (m *machine) run(env []string, program string, args ...string) *host {
	m.lan.t.Helper()
	const become = `hostname "$1" && mount --bind "$2" /proc/sys/kernel/random/boot_id && shift 2 && exec "$@"`
	words := append([]string{"netns", "exec", m.ns, "unshare", "--uts", "sh", "-c", become, "sh", m.name, m.boot, program}, args...)
	return m.lan.startWith("ip", env, words...)
}

// natsServer is a team's nats-server on a machine of its own.
type natsServer struct {
	*machine
	process *host
}

func (l *lan) natsServer(name string) *natsServer {
	l.t.Helper()
	s := &natsServer{machine: l.machine(name)}
	s.start()
	return s
}

func (s *natsServer) url() string { return "nats://" + s.address + ":4222" }

func (s *natsServer) start() {
	s.lan.t.Helper()
	s.process = s.run(nil, hosttest.NeedNATSServer(s.lan.t, root), "--addr", s.address, "--port", "4222", "--jetstream", "--store_dir", s.lan.path("store"))
	s.process.hear("Server is ready")
}

// kill kills the server, whose memory is gone.
func (s *natsServer) kill() {
	s.process.signal(syscall.SIGKILL)
	<-s.process.ended
}
