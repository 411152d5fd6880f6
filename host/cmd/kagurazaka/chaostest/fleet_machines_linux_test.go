package chaostest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/ledger"
)

const (
	// longKey is the variable that has storms over machines blow for longer: how many of each kind.
	longKey = "KAGURAZAKA_CHAOS_LONG"
	// lapses is how long a machine must be away to have lost its leases.
	lapses = 33 * time.Second
	// storms have this many items. The last one waits for the end of the storm.
	stormItems = 20_000
	nodeKey    = "KAGURAZAKA_CHAOS_NODE"
)

// machineStorm is a run on several machines, to which everything happens that can.
type machineStorm struct {
	*lan
	rng  *rand.Rand
	seen *arrivals
	// desks are machines for coordinators, one at a time; workers have the nodes; server is a team's, or nil.
	desks, workers []*machine
	server         *natsServer
	desk           int
	coordinator    *host
	// own is how many workers coordinators have.
	own   int
	nodes []*stormNode
	named int
	// cut is the machine that is cut off, stopped the node that is stopped, away when both must be back; nil: nobody is away.
	cut     *machine
	stopped *stormNode
	away    *time.Timer
	began   time.Time
	// long: it may take minutes.
	long bool
	// things are how often what is to happen, counts how often it did.
	things, counts map[string]int
}

// stormNode is a node in a storm.
type stormNode struct {
	*host
	machine *machine
	name    string
	// byAddress: it does not wait for a coordinator that is not there when it starts. killed: nothing is expected of how it ends.
	byAddress, killed bool
}

func newMachineStorm(t *testing.T, ownServer, long bool, things map[string]int) *machineStorm {
	t.Helper()
	if !ownServer {
		hosttest.NeedNATSServer(t, root)
	}
	w := newWorld(t)
	s := &machineStorm{lan: newLAN(w), rng: newRandom(t), long: long, things: things, counts: map[string]int{}}
	s.many("in", stormItems)
	for _, dir := range []string{"out", "state"} {
		s.check(os.Mkdir(s.path(dir), 0o755))
	}
	s.seen = watchFolder(t, s.path("out"))
	s.desks = []*machine{s.machine("desk"), s.machine("spare")}
	for i := range 4 {
		s.workers = append(s.workers, s.machine(fmt.Sprintf("m%d", i+1)))
	}
	if !ownServer {
		s.server = s.natsServer("server")
	}
	s.own = s.rng.IntN(2)
	return s
}

// env is that of hosts: all executions are noted, and the last item waits until those who are away are back.
func (s *machineStorm) env(name string) []string {
	env := []string{"KAGURAZAKA_MISBEHAVE_LOG=" + s.path("executions"), nodeKey + "=" + s.path(name)}
	if s.things["leave"] == 0 {
		return env
	}
	return append(env, "KAGURAZAKA_MISBEHAVE=wait-at-item", fmt.Sprintf("KAGURAZAKA_MISBEHAVE_ITEM=%d", stormItems-1), "KAGURAZAKA_MISBEHAVE_STATE="+s.path("state"))
}

func (s *machineStorm) startCoordinator() {
	s.t.Helper()
	m := s.desks[s.desk]
	words := append([]string{"--progress", "json", "--num_process", strconv.Itoa(s.own), "--run-dir", "run", "--resume", "-v"}, files(plugins+"/misbehave")...)
	if s.server != nil {
		words = append(words, "--nats", s.server.url())
	} else {
		words = append(words, "--listen="+m.address+":4222")
	}
	s.coordinator = m.run(s.env("coordinator"), hostBinary, words...)
	s.coordinator.hear("other machines join with")
}

// startNode starts a node that finds the coordinator by the run's folder, or by addresses.
func (s *machineStorm) startNode(m *machine) *stormNode {
	s.t.Helper()
	s.named++
	n := &stormNode{machine: m, name: fmt.Sprintf("%s-n%d", m.name, s.named)}
	words := []string{"work", "--num_process", "1", "--name", n.name, "--reconnect", "3m"}
	n.byAddress = s.rng.IntN(2) == 0
	switch {
	case !n.byAddress:
		words = append(words, "--run-dir", "run")
	case s.server != nil:
		words = append(words, s.server.url(), "--token-file", "run/fleet/token")
	default:
		words = append(words, "nats://"+s.desks[0].address+":4222", "nats://"+s.desks[1].address+":4222", "--token-file", "run/fleet/token")
	}
	n.host = m.run(s.env(n.name), hostBinary, words...)
	s.nodes = append(s.nodes, n)
	return n
}

// joined waits for nodes that know only addresses, and are joining.
func (s *machineStorm) joined() {
	s.t.Helper()
	for _, n := range s.nodes {
		if n.byAddress && !n.killed && !n.hasEnded() && n.machine != s.cut {
			n.hear("working on a run")
		}
	}
}

// arrive waits until n more outputs have come.
func (s *machineStorm) arrive(n int) {
	s.t.Helper()
	deadline := time.NewTimer(hung)
	defer deadline.Stop()
	for n > 0 {
		var away <-chan time.Time
		if s.away != nil {
			away = s.away.C
		}
		select {
		case <-s.seen.more:
			n -= s.seen.take()
		case <-away:
			s.comeBack()
		case <-s.coordinator.ended:
			s.t.Fatalf("the coordinator has ended:\n%s", s.coordinator.said())
		case <-deadline.C:
			s.t.Fatalf("nothing moves any more:\n%s", s.everything())
		}
	}
}

// everything is what all hosts have said.
func (s *machineStorm) everything() string {
	var text strings.Builder
	fmt.Fprintf(&text, "coordinator:\n%s", s.coordinator.said())
	for _, n := range s.nodes {
		fmt.Fprintf(&text, "%s (ended: %v):\n%s", n.name, n.hasEnded(), n.said())
	}
	return text.String()
}

// saidOf is how often nodes have said something.
func (s *machineStorm) saidOf(text string) (n int) {
	for _, node := range s.nodes {
		n += strings.Count(node.said(), text)
	}
	return n
}

// pick is one of the nodes that are there and not away.
func (s *machineStorm) pick() *stormNode {
	there := slices.DeleteFunc(slices.Clone(s.nodes), func(n *stormNode) bool { return n.hasEnded() || n.killed || n.machine == s.cut || n == s.stopped })
	if len(there) == 0 {
		return s.startNode(s.workers[slices.IndexFunc(s.workers, func(m *machine) bool { return m != s.cut })])
	}
	return there[s.rng.IntN(len(there))]
}

// signalAll sends a signal to all processes of a node.
func (s *machineStorm) signalAll(n *stormNode, signal syscall.Signal) {
	for _, p := range hosttest.Processes(nodeKey + "=" + s.path(n.name)) {
		_ = syscall.Kill(p.PID, signal)
	}
}

// leave has one machine lose its network, and one node stop, until their leases have long lapsed.
func (s *machineStorm) leave() {
	s.stopped = s.pick()
	others := slices.DeleteFunc(slices.Clone(s.workers), func(m *machine) bool { return m == s.stopped.machine })
	s.cut = others[s.rng.IntN(len(others))]
	whole := s.rng.IntN(2) == 0
	if whole {
		s.signalAll(s.stopped, syscall.SIGSTOP)
	} else {
		s.stopped.signal(syscall.SIGSTOP)
	}
	s.cut.unplug()
	s.t.Logf("%s is stopped (all of it: %v), %s is cut off", s.stopped.name, whole, s.cut.name)
	away := lapses
	if s.long && s.rng.IntN(2) == 0 {
		// They keep their leases.
		away = 20 * time.Second
	}
	s.away = time.NewTimer(away)
}

func (s *machineStorm) comeBack() {
	s.t.Helper()
	s.cut.plug()
	s.signalAll(s.stopped, syscall.SIGCONT)
	for _, n := range s.nodes {
		if n.machine == s.cut && !n.killed && strings.Contains(n.said(), "does not answer") {
			n.hear("the run's coordinator answers again")
		}
	}
	s.t.Logf("%s: %s and %s are back, after %d outputs", time.Since(s.began).Round(time.Second), s.stopped.name, s.cut.name, s.seen.files())
	s.away, s.cut, s.stopped = nil, nil, nil
}

// happen does one thing to the run.
func (s *machineStorm) happen(what string) {
	s.t.Helper()
	s.t.Logf("%s: %s, after %d outputs", time.Since(s.began).Round(time.Second), what, s.seen.files())
	s.counts[what]++
	switch what {
	case "kill a node":
		n := s.pick()
		n.killed = true
		n.signal(syscall.SIGKILL)
		s.startNode(n.machine)
	case "kill a machine":
		// All that it runs, and nobody says goodbye.
		n := s.pick()
		n.machine.unplug()
		for _, other := range s.nodes {
			if other.machine == n.machine && !other.hasEnded() {
				other.killed = true
				s.signalAll(other, syscall.SIGKILL)
			}
		}
		n.machine.plug()
		s.startNode(n.machine)
	case "drain a node":
		n := s.pick()
		n.signal(syscall.SIGTERM)
		s.startNode(n.machine)
	case "a crowd joins":
		crowd := 4
		if s.long {
			crowd = 8
		}
		for i := range crowd {
			if m := s.workers[i%len(s.workers)]; m != s.cut {
				s.startNode(m)
			}
		}
	case "kill the coordinator", "kill the coordinator, start it elsewhere":
		s.joined()
		s.coordinator.signal(syscall.SIGKILL)
		<-s.coordinator.ended
		if what != "kill the coordinator" {
			s.desk = 1 - s.desk
		}
		s.startCoordinator()
	case "stop the coordinator":
		// Nodes miss it; then it goes on. One that has nothing to do does not notice.
		before := s.saidOf("the run's coordinator does not answer")
		s.coordinator.signal(syscall.SIGSTOP)
		if !eventually(hung, func() bool { return s.saidOf("the run's coordinator does not answer") > before }) {
			s.t.Errorf("no node misses the coordinator:\n%s", s.everything())
		}
		s.coordinator.signal(syscall.SIGCONT)
	case "stop the coordinator for long":
		// Leases end at their nodes.
		s.coordinator.signal(syscall.SIGSTOP)
		<-time.After(lapses)
		s.coordinator.signal(syscall.SIGCONT)
	case "kill the server":
		s.joined()
		before := strings.Count(s.coordinator.said(), "the server is back")
		s.server.kill()
		s.server.start()
		s.coordinator.hearAgain("the server is back", before+1)
	case "leave":
		s.leave()
	}
}

// blow has everything happen, and checks what the run has become.
func (s *machineStorm) blow() {
	s.t.Helper()
	s.began = time.Now()
	s.startCoordinator()
	for _, m := range s.workers {
		s.startNode(m)
	}
	var order []string
	for _, what := range slices.Sorted(maps.Keys(s.things)) {
		for range s.things[what] {
			order = append(order, what)
		}
	}
	s.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if i := slices.Index(order, "leave"); i >= 0 {
		// What takes longest begins first.
		order[0], order[i] = order[i], order[0]
	}
	for _, what := range order {
		// What is behind the last item in its lease waits as well.
		gap := stormItems * 3 / 4 / (len(order) + 1)
		s.arrive(gap/2 + s.rng.IntN(gap))
		s.happen(what)
	}
	if s.away != nil {
		<-s.away.C
		s.comeBack()
	}
	s.check(os.WriteFile(s.path("state", "go"), nil, 0o644))
	s.settle()
}

var twinItems = regexp.MustCompile(`a late lease is lent a second time:.* items=(\d+)`)

// settle checks that each item was committed once, and that nothing is left.
func (s *machineStorm) settle() {
	s.t.Helper()
	r := s.coordinator.wait()
	if r.code != 0 || r.Failed != 0 || r.Done+r.Skipped != stormItems {
		s.t.Errorf("exit code %d, done %d, skipped %d, failed %d:\n%s", r.code, r.Done, r.Skipped, r.Failed, r.stderr)
	}
	for _, n := range s.nodes {
		got := n.wait()
		if !n.killed && got.code != 0 && got.code != 130 {
			s.t.Errorf("%s ended with %d:\n%s", n.name, got.code, got.stderr)
		}
	}
	if s.server != nil {
		s.server.kill()
	}
	if s.long {
		s.t.Log(s.everything())
	}
	if done := s.outputs("out"); len(done) != stormItems {
		s.t.Errorf("%d outputs of %d", len(done), stormItems)
	}
	s.records(r)
	again, most := s.executedAgain()
	s.t.Logf("%s: %v: %d items executed again, at most %d times; %d outputs came again; %d nodes", time.Since(s.began).Round(time.Second), s.counts, again, most, s.seen.twice(), s.named)
	calm := s.things["kill a node"]+s.things["kill a machine"]+s.things["kill the coordinator"]+s.things["leave"] == 0
	late, twins := 0, twinItems.FindAllStringSubmatch(r.stderr, -1)
	for _, m := range twins {
		n, err := strconv.Atoi(m[1])
		s.check(err)
		late += n
	}
	if calm && (again > stormItems/1000+late || len(twins) > 2*len(s.nodes) || s.seen.twice() > 0) {
		s.t.Errorf("nobody was killed, and %d items were executed again (%d leases with %d items were late), %d committed again", again, len(twins), late, s.seen.twice())
	}
	s.noStaging("out")
	s.nobodyIsLeft()
}

// records checks the ledger: no item has two outcomes, neither of one coordinator nor of several. What a coordinator finds finished is not in its record.
func (s *machineStorm) records(r result) {
	s.t.Helper()
	state, err := ledger.ReadState(s.path("run"), true)
	s.check(err)
	if got := state.Finished().Items(); got != state.Listed || state.Failed.Items() != 0 || state.Done.Items() != int64(r.Done) {
		s.t.Errorf("the record has %d items finished of %d, %d done, %d failed; the run has done %d", got, state.Listed, state.Done.Items(), state.Failed.Items(), r.Done)
	}
	done := state.Done.Items()
	earlier, err := os.ReadDir(s.path("run", "earlier"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Error(err)
	}
	for _, e := range earlier {
		state, err := ledger.ReadState(s.path("run", "earlier", e.Name()), true)
		s.check(err)
		done += state.Done.Items()
	}
	if done > stormItems {
		s.t.Errorf("%d coordinators have recorded %d items as done", len(earlier)+1, done)
	}
}

// executedAgain is how many executions there were of items that had been executed before, and the most of one. The last item waits, and may be lent a second time.
func (s *machineStorm) executedAgain() (again, most int) {
	s.t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(s.read(s.path("executions"))) {
		name, _, _ := strings.Cut(line, " ")
		counts[name]++
	}
	for i := range stormItems - 1 {
		n := counts[input(i)]
		if n == 0 {
			s.t.Errorf("%s was never executed", input(i))
		}
		again += max(n-1, 0)
		most = max(most, n)
	}
	return again, most
}

// TestFleetOfMachines: nodes on four machines, the coordinator and a team's server are killed, stopped and cut off, and others join. Each item
// has one outcome and one whole output.
func TestFleetOfMachines(t *testing.T) {
	needLAN(t)
	rounds, long := 1, false
	if text := os.Getenv(longKey); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", longKey, err)
		}
		long = true
	}
	storm := map[string]int{
		"kill a node": 2, "kill a machine": 1, "drain a node": 1, "a crowd joins": 1, "kill the coordinator": 1, "kill the coordinator, start it elsewhere": 1,
		"stop the coordinator": 1, "leave": 1,
	}
	withServer := map[string]int{
		"kill a node": 2, "kill a machine": 1, "drain a node": 1, "a crowd joins": 1, "kill the coordinator": 1, "kill the server": 2, "stop the coordinator": 1, "leave": 1,
	}
	calm := map[string]int{"drain a node": 2, "a crowd joins": 1}
	if long {
		for _, things := range []map[string]int{storm, withServer, calm} {
			for what := range things {
				things[what] *= 3
			}
		}
		for _, things := range []map[string]int{storm, withServer} {
			things["leave"], things["stop the coordinator for long"] = 1, 1
		}
	}
	for round := range rounds {
		t.Run(fmt.Sprintf("own server %d", round), func(t *testing.T) { t.Parallel(); newMachineStorm(t, true, long, storm).blow() })
		t.Run(fmt.Sprintf("a team's server %d", round), func(t *testing.T) { t.Parallel(); newMachineStorm(t, false, long, withServer).blow() })
		t.Run(fmt.Sprintf("calm %d", round), func(t *testing.T) { t.Parallel(); newMachineStorm(t, true, long, calm).blow() })
	}
}
