//go:build idle

package queue

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// TestIdleNodes holds idle nodes, as real connections of another process, and measures what they cost the server: by hand, with
//
//	KAGURAZAKA_IDLE_NODES=10000 go test -tags idle -run TestIdleNodes -v -timeout 20m ./host/queue
func TestIdleNodes(t *testing.T) {
	ctx := t.Context()
	if address := os.Getenv("KAGURAZAKA_IDLE_SERVER"); address != "" {
		holdIdle(ctx, address, idleNodes(), 1)
		return
	}
	nodes := idleNodes()
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	before := memory(t)
	cpu := processorTime(t)
	began := time.Now()
	crowd := r.crowd(ctx, t)
	if path := os.Getenv("KAGURAZAKA_IDLE_PROFILE"); path != "" {
		f := must(os.Create(path + ".crowd"))(t)
		check(t, pprof.StartCPUProfile(f))
	}
	check(t, crowd.Start())
	waiting := func() int {
		return must(r.queue.js.Consumer(ctx, r.queue.names.stream, r.queue.names.consumer))(t).CachedInfo().NumWaiting
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for waiting() < nodes {
		<-tick.C
	}
	pprof.StopCPUProfile()
	t.Logf("%d nodes joined in %s with %s of CPU", nodes, time.Since(began).Round(time.Second), processorTime(t)-cpu)
	for round := range 3 {
		if path := os.Getenv("KAGURAZAKA_IDLE_PROFILE"); path != "" && round == 1 {
			f := must(os.Create(path))(t)
			check(t, pprof.StartCPUProfile(f))
		}
		cpu, began = processorTime(t), time.Now()
		for range 60 {
			<-tick.C
		}
		pprof.StopCPUProfile()
		used := processorTime(t) - cpu
		var m runtime.MemStats
		resident := memory(t) - before
		runtime.ReadMemStats(&m)
		t.Logf("minute %d: %s of CPU, %.2f %% of a core; %d bytes a node resident (%d heap, %d stacks); %d wait", round+1, used,
			100*used.Seconds()/time.Since(began).Seconds(), resident/nodes, int(m.HeapAlloc)/nodes, int(m.StackInuse)/nodes, waiting())
	}
	cpu, began = processorTime(t), time.Now()
	for i := range 200 {
		check(t, r.queue.Publish(ctx, testLease(lease.ID(i+1), 1)))
	}
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == 200 })
	t.Logf("200 leases with all the others idle: %s of CPU, %s", processorTime(t)-cpu, time.Since(began))
	cpu, began = processorTime(t), time.Now()
	check(t, r.queue.End(ctx))
	t.Logf("the end: %s of CPU, %s", processorTime(t)-cpu, time.Since(began))
	check(t, crowd.Wait())
}

// crowd is a process that runs the same test as nodes.
func (r *run) crowd(ctx context.Context, t *testing.T) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=20m")
	c.Env = append(os.Environ(), "KAGURAZAKA_IDLE_SERVER="+r.server.Address())
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c
}

// free is a desk that costs next to nothing.
type free struct {
	queue *Queue
	ended chan struct{}
}

func (f free) Claim(c lease.Claim) lease.Claimed {
	blocks := f.queue.anyBlocks(c.Held.ID)
	f.queue.Done(c.Held.ID)
	return lease.Claimed{For: time.Minute, Blocks: blocks}
}

func (f free) Report(r lease.Report) (a lease.Reported) {
	for _, p := range r.Leases {
		a.Renewed = append(a.Renewed, p.Held)
		if p.Ended {
			f.ended <- struct{}{}
		}
	}
	return a
}
func (f free) Grant(a lease.Ask) lease.Granted { return lease.Granted{Items: a.Items} }
func (free) Joined(lease.Node)                 {}
func (free) Farewell(string, lease.Farewell)   {}
func (free) Left(string, bool)                 {}

// TestLeaseCost measures what a lease of 500 items costs on the coordinator's side, server included; the nodes are another process:
//
//	go test -tags idle -run TestLeaseCost -v ./host/queue
func TestLeaseCost(t *testing.T) {
	const leases, nodes, batch = 20_000, 4, 16
	ctx := t.Context()
	if address := os.Getenv("KAGURAZAKA_IDLE_SERVER"); address != "" {
		holdIdle(ctx, address, nodes, 8)
		return
	}
	for _, items := range []int{1, 500} {
		r := &run{server: must(StartServer(ServerOptions{Listen: "127.0.0.1:0", Token: testToken}))(t)}
		r.queue = must(r.server.Open(ctx, testOptions()))(t)
		desk := free{queue: r.queue, ended: make(chan struct{}, leases)}
		check(t, r.queue.Serve(desk))
		crowd := r.crowd(ctx, t)
		check(t, crowd.Start())
		l := testLease(1, items)
		cpu, began := processorTime(t), time.Now()
		for i := 0; i < leases; i += batch {
			var all []lease.Lease
			for j := range batch {
				l.ID = lease.ID(i + j + 1)
				all = append(all, l)
			}
			check(t, r.queue.Publish(ctx, all...))
		}
		for range leases {
			<-desk.ended
		}
		used, took := processorTime(t)-cpu, time.Since(began)
		t.Logf("%d leases of %d items: %.1f µs of CPU each, %.0f a second", leases, items, float64(used.Microseconds())/leases, leases/took.Seconds())
		check(t, r.queue.End(ctx))
		check(t, crowd.Wait())
		r.queue.Close()
		r.server.Close()
	}
}

func idleNodes() int {
	n, err := strconv.Atoi(os.Getenv("KAGURAZAKA_IDLE_NODES"))
	if err != nil {
		n = 1000
	}
	return n
}

func holdIdle(ctx context.Context, address string, nodes, pull int) {
	a := Address{URL: "nats://" + address, Secret: Secret{Token: testToken}}
	var wg sync.WaitGroup
	joining := make(chan struct{}, 500)
	for range nodes {
		joining <- struct{}{}
		wg.Go(func() {
			s, err := Dial(ctx, Join{Addresses: at(a), Hello: Hello{Name: "idle"}})
			<-joining
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			if err := work(ctx, s, pull); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	wg.Wait()
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is what the process holds after a collection.
func memory(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	for line := range strings.Lines(string(must(os.ReadFile("/proc/self/status"))(t))) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			return must(strconv.Atoi(f[1]))(t) << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
