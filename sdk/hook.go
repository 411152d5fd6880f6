package sdk

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/hook"
)

func init() {
	hook.NewServer = func(log hclog.Logger, tasks ...any) (*grpc.Server, func()) {
		var definitions []Definition
		for _, t := range tasks {
			if d, ok := t.(Definition); ok {
				definitions = append(definitions, d)
			}
		}
		life, end := context.WithCancel(context.Background())
		s := newService(life, log, definitions)
		server := grpc.NewServer(serverOptions()...)
		pb.RegisterPluginServiceServer(server, s)
		return server, func() {
			server.Stop()
			end()
			_ = s.shutdown()
		}
	}
	hook.Encode = func(item any) ([]byte, error) {
		e := newEncoder()
		err := e.item(item)
		return e.dst, err
	}
}
