//go:build idle

package queue

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestServerCost measures what nats-server alone takes for a message of a work queue in memory: published in batches from its own process, with
// and without a confirmation each, delivered to another process by pulls of 64, acknowledged there without an answer, and deleted. That is the least that a lease can cost:
//
//	go test -tags idle -run TestServerCost -v ./host/queue
func TestServerCost(t *testing.T) {
	const messages, batch = 100_000, 64
	ctx := t.Context()
	if address := os.Getenv("KAGURAZAKA_IDLE_SERVER"); address != "" {
		takeAll(t, address, batch)
		return
	}
	for _, size := range []int{64, 20_000} {
		for _, mode := range []string{"confirmed one by one", "confirmed in batches", "not confirmed"} {
			s := must(server.NewServer(&server.Options{Port: -1, Host: "127.0.0.1", NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 1 << 20}))(t)
			s.Start()
			s.ReadyForConnections(time.Minute)
			nc := must(nats.Connect("", nats.InProcessServer(s)))(t)
			js := must(jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4*batch)))(t)
			stream := must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"lease"}, Storage: jetstream.MemoryStorage, Retention: jetstream.WorkQueuePolicy}))(t)
			must(stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "nodes", AckPolicy: jetstream.AckExplicitPolicy, MemoryStorage: true, MaxAckPending: 100_000}))(t)
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
			c.Env = append(os.Environ(), "KAGURAZAKA_IDLE_SERVER="+s.ClientURL())
			c.Stderr = os.Stderr
			check(t, c.Start())
			data := make([]byte, size)
			cpu := processorTime(t)
			for i := range messages {
				switch mode {
				case "confirmed one by one":
					must(js.Publish(ctx, "lease", data))(t)
				case "confirmed in batches":
					must(js.PublishAsync("lease", data))(t)
				default:
					check(t, nc.Publish("lease", data))
					if i%batch == batch-1 {
						must(js.Publish(ctx, "lease", data))(t)
					}
				}
			}
			<-js.PublishAsyncComplete()
			for must(stream.Info(ctx))(t).State.Msgs > 0 {
				time.Sleep(time.Millisecond)
			}
			t.Logf("%d bytes, %s: %.1f µs of CPU a message", size, mode, float64((processorTime(t)-cpu).Microseconds())/messages)
			check(t, c.Process.Kill())
			_ = c.Wait()
			nc.Close()
			s.Shutdown()
			s.WaitForShutdown()
		}
	}
}

func takeAll(t *testing.T, address string, batch int) {
	nc := must(nats.Connect(address))(t)
	inbox := nc.NewInbox()
	all := must(nc.SubscribeSync(inbox))(t)
	check(t, all.SetPendingLimits(-1, -1))
	for {
		check(t, nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.nodes", inbox, []byte(`{"batch":`+strconv.Itoa(batch)+`}`)))
		for range batch {
			m := must(all.NextMsg(time.Hour))(t)
			check(t, m.Respond(nil))
		}
	}
}
