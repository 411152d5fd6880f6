package plugin

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"

	"github.com/kagurazaka/kagurazaka/internal/count"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// messageLog logs the messages of a connection by their kind and size. It is a stats.Handler.
type messageLog struct{ log hclog.Logger }

// dialOptions are those of a connection whose messages are logged. m nil: they are not.
func (m *messageLog) dialOptions() []grpc.DialOption {
	if m == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(m)}
}

type methodKey struct{}

// TagRPC implements stats.Handler.
func (m *messageLog) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, methodKey{}, path.Base(info.FullMethodName))
}

// TagConn implements stats.Handler.
func (m *messageLog) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (m *messageLog) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements stats.Handler.
func (m *messageLog) HandleRPC(ctx context.Context, event stats.RPCStats) {
	method, _ := ctx.Value(methodKey{}).(string)
	switch e := event.(type) {
	case *stats.OutPayload:
		m.log.Debug("sent", "message", kindOf(method, e.Payload), "bytes", e.Length)
	case *stats.InPayload:
		m.log.Debug("received", "message", kindOf(method, e.Payload), "bytes", e.Length)
	}
}

// kindOf is what a message is, without what is in it.
func kindOf(method string, payload any) string {
	switch m := payload.(type) {
	case *pb.RunRequest:
		if c := m.GetChunk(); c != nil {
			return fmt.Sprintf("Run: chunk %d, %s", c.GetId(), count.Of(itemsIn(c.GetParts()), "item"))
		}
		return fmt.Sprintf("Run: batch %d, %s", m.GetBatch().GetId(), count.Of(itemsIn(m.GetBatch().GetParts()), "item"))
	case *pb.RunResponse:
		if r := m.GetResult(); r != nil {
			return fmt.Sprintf("Run: result of chunk %d, %s, %d failed", r.GetId(), count.Of(r.GetCount(), "item"), len(r.GetFailures()))
		}
		if r := m.GetBatch(); r != nil {
			return fmt.Sprintf("Run: result of batch %d, %s, %d failed", r.GetId(), count.Of(r.GetCount(), "item"), len(r.GetFailures()))
		}
	case *pb.ListResponse:
		if b := m.GetBlock(); b != nil {
			return fmt.Sprintf("List: block, %s", count.Of(b.GetCount(), "item"))
		}
	}
	method += ": "
	if m, ok := payload.(proto.Message); ok {
		reflected := m.ProtoReflect()
		kind := string(reflected.Descriptor().Name())
		// Which of its kinds a message of a stream is.
		if oneofs := reflected.Descriptor().Oneofs(); oneofs.Len() > 0 {
			if field := reflected.WhichOneof(oneofs.Get(0)); field != nil {
				kind = strings.ReplaceAll(string(field.Name()), "_", " ")
			}
		}
		return method + kind
	}
	return method + "message"
}

func itemsIn(parts []*pb.Part) (n uint32) {
	for _, p := range parts {
		switch {
		case p.GetRange() != nil:
			n += uint32(p.GetRange().GetCount())
		case p.GetTake() > 0:
			n += p.GetTake()
		default:
			n += p.GetBlock().GetCount() - p.GetSkip()
		}
	}
	return n
}

// messages logs the messages of a worker that the nursery makes; nil: they are not logged.
func (n *Nursery) messages(open OpenOptions) *messageLog {
	if n.proc.messages == nil || open.Log == nil {
		return n.proc.messages
	}
	return &messageLog{open.Log}
}
