package chaostest

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// slowly is the environment of hosts whose items take long until there is a file "go".
func (w *world) slowly() []string {
	w.t.Helper()
	w.check(os.MkdirAll(w.path("state"), 0o755))
	return []string{"KAGURAZAKA_MISBEHAVE=slow-until-go", "KAGURAZAKA_MISBEHAVE_STATE=" + w.path("state")}
}

// lent is a run of several machines: a coordinator without workers, and two nodes.
type lent struct {
	*world
	coordinator *host
	nodes       []*host
	command     []string
	seen        *arrivals
}

func lend(w *world, env []string, flags ...string) *lent {
	w.t.Helper()
	w.check(os.MkdirAll(w.path("out"), 0o755))
	l := &lent{world: w, seen: watchFolder(w.t, w.path("out"))}
	l.command = slices.Concat([]string{"--progress", "json", "--num_process", "0", "--chunksize", "1", "--run-dir", "run"}, flags, files(filepath.Join(plugins, "misbehave")))
	l.coordinator = w.start(env, l.command...)
	l.coordinator.hear("other machines join with")
	for _, name := range []string{"a", "b"} {
		l.nodes = append(l.nodes, w.start(env, "work", "--run-dir", "run", "--num_process", "1", "--name", name))
	}
	return l
}

// arrive waits until n more outputs are there.
func (l *lent) arrive(n int) {
	l.t.Helper()
	deadline := time.NewTimer(hung)
	defer deadline.Stop()
	for n > 0 {
		select {
		case <-l.seen.more:
			n -= l.seen.take()
		case <-l.coordinator.ended:
			l.t.Fatalf("the coordinator has ended:\n%s", l.coordinator.said())
		case <-deadline.C:
			l.t.Fatalf("nothing moves any more:\n%s", l.coordinator.said())
		}
	}
}

// end waits for the end of all, and checks that nothing is left.
func (l *lent) end() result {
	l.t.Helper()
	r := l.coordinator.wait()
	for _, n := range l.nodes {
		if got := n.wait(); got.code != 0 {
			l.t.Errorf("a node ended with %d:\n%s", got.code, got.stderr)
		}
	}
	l.noStaging("out")
	return r
}

// TestFleetWithoutItsQueue: somebody removes the consumer, and then the stream, from a team's server, and starts a second coordinator. The run
// continues.
func TestFleetWithoutItsQueue(t *testing.T) {
	t.Parallel()
	server := hosttest.NeedNATSServer(t, root)
	w := newWorld(t)
	// More than two workers do before all has happened.
	const n = 3000
	w.many("in", n)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	w.check(err)
	address := free.Addr().String()
	w.check(free.Close())
	host, port, _ := net.SplitHostPort(address)
	team := w.startWith(server, nil, "--addr", host, "--port", port, "--jetstream", "--store_dir", w.path("store"))
	team.hear("Server is ready")
	l := lend(w, w.slowly(), "--nats", "nats://"+address)
	nc, err := nats.Connect("nats://" + address)
	w.check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	w.check(err)
	ctx, cancel := context.WithTimeout(context.Background(), hung)
	defer cancel()
	streams := js.StreamNames(ctx)
	stream := <-streams.Name()
	w.check(streams.Err())
	if !strings.HasPrefix(stream, "KGZ_") {
		t.Fatalf("the run's stream is %q", stream)
	}
	l.arrive(10)
	info, err := js.Stream(ctx, stream)
	w.check(err)
	for name := range info.ConsumerNames(ctx).Name() {
		w.check(js.DeleteConsumer(ctx, stream, name))
	}
	l.coordinator.hearAgain("is created again", 1)
	// It says so before it does.
	if !eventually(hung, func() bool {
		again, err := js.Stream(ctx, stream)
		return err == nil && !again.CachedInfo().Created.Equal(info.CachedInfo().Created)
	}) {
		t.Fatal("the stream is not created again")
	}
	l.arrive(10)
	w.check(js.DeleteStream(ctx, stream))
	l.coordinator.hearAgain("is created again", 2)
	l.arrive(10)
	w.want(w.run(w.slowly(), append([]string{"--resume"}, l.command...)...), 2, "the run has a coordinator already")
	w.letGo()
	r := l.end()
	w.want(r, 0)
	w.settledIn("out", r, n)
	if r.Done != n || l.seen.twice() > 0 {
		t.Errorf("%d done of %d, %d outputs came twice", r.Done, n, l.seen.twice())
	}
	if _, err := js.Stream(ctx, stream); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("the stream is left: %v", err)
	}
	team.signal(syscall.SIGKILL)
	<-team.ended
	w.nobodyIsLeft()
}

// TestFleetDiskFullInTheMiddle: items whose outputs do not fit have failed, and nothing half-written is left. They are done once there is room.
func TestFleetDiskFullInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 200
	w.many("in", n)
	w.mount(w.path("out"), "size=4m")
	l := lend(w, w.slowly(), "--listen")
	l.arrive(10)
	w.remount(w.path("out"), "size=200k")
	w.letGo()
	r := l.end()
	w.want(r, 3, "no space left on device")
	w.settledIn("out", r, n)
	if r.Failed == 0 || r.Done == 0 {
		t.Errorf("%d done and %d failed: it was to happen in the middle", r.Done, r.Failed)
	}
	w.nobodyIsLeft()
	w.remount(w.path("out"), "size=4m")
	again := lend(w, w.slowly(), "--listen", "--resume")
	r = again.end()
	w.want(r, 0)
	w.settledIn("out", r, n)
	w.nobodyIsLeft()
}

// TestFleetDiskOfTheLedgerFull: what the coordinator keeps of the run does not fit. The run finishes without it.
func TestFleetDiskOfTheLedgerFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 200
	w.many("in", n)
	w.mount(w.path("run"), "size=1m")
	l := lend(w, w.slowly(), "--listen")
	l.arrive(10)
	if err := os.WriteFile(w.path("run", "fill"), make([]byte, 1<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("filling the disk: %v", err)
	}
	w.letGo()
	r := l.end()
	w.want(r, 3, "the run is done, but its ledger", "no space left on device")
	w.settledIn("out", r, n)
	if r.Done != n {
		t.Errorf("%d done of %d", r.Done, n)
	}
	w.nobodyIsLeft()
	w.check(os.Remove(w.path("run", "fill")))
	again := lend(w, w.slowly(), "--listen", "--resume")
	r = again.end()
	w.want(r, 0)
	if r.Skipped != n {
		t.Errorf("%d skipped of %d", r.Skipped, n)
	}
	w.nobodyIsLeft()
}
