//go:build idle

package queue

import (
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
	if address := os.Getenv("KAGURAZAKA_IDLE_SERVER"); address != "" {
		holdIdle(t, address, idleNodes(t))
		return
	}
	nodes := idleNodes(t)
	ctx := t.Context()
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	before := memory(t)
	cpu := processorTime(t)
	began := time.Now()
	crowd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestIdleNodes$", "-test.timeout=20m")
	crowd.Env = append(os.Environ(), "KAGURAZAKA_IDLE_SERVER="+r.server.Address())
	crowd.Stdout, crowd.Stderr = os.Stderr, os.Stderr
	stdin := must(crowd.StdinPipe())(t)
	check(t, crowd.Start())
	waiting := func() int {
		return must(r.queue.js.Consumer(ctx, r.queue.names.stream, r.queue.names.consumer))(t).CachedInfo().NumWaiting
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for waiting() < nodes {
		<-tick.C
	}
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
	_ = stdin.Close()
	check(t, crowd.Wait())
}

func idleNodes(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("KAGURAZAKA_IDLE_NODES"))
	if err != nil {
		n = 1000
	}
	_ = t
	return n
}

func holdIdle(t *testing.T, address string, nodes int) {
	ctx := t.Context()
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
			if err := work(ctx, s, 1); err != nil {
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
