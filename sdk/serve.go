package sdk

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	_ "github.com/kagurazaka/kagurazaka/internal/buffers" // for the messages of the Run and List calls
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk/internal/lifeline"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stdio"
)

// Serve serves the tasks to the host that started this program. It is the only line of main and never returns. If the
// host did not start the program, Serve prints how to use it and exits with status 1.
func Serve(tasks ...Definition) {
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		fmt.Fprint(os.Stderr, usage(os.Args[0], newService(context.Background(), hclog.NewNullLogger(), tasks).taskNames()))
		os.Exit(1)
	}
	handshake, err := stdio.Handshake()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lifeline.Watch()
	ignoreSignals()
	life, cancel := context.WithCancel(context.Background())
	logOutput = stdio.Stderr()
	log := newLogger()
	s := newService(life, log, tasks)

	// go-plugin prints the handshake to os.Stdout, and then sets os.Stdout and os.Stderr to pipes that it never reads.
	// restore sets them back before the first call reaches user code.
	os.Stdout = handshake
	restore := sync.OnceFunc(stdio.Restore)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
		},
		Plugins: goplugin.PluginSet{"task": grpcPlugin{s: s}},
		Logger:  hclog.New(&hclog.LoggerOptions{Name: "go-plugin", Level: hclog.Error, Output: logOutput, JSONFormat: true}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			opts = append(opts, serverOptions()...)
			opts = append(opts,
				grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
					restore()
					return next(ctx, req)
				}),
				grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
					restore()
					return next(srv, stream)
				}))
			return grpc.NewServer(opts...)
		},
	})
	cancel()
	restore()
	if s.shutdown() != nil { // which logs the error
		os.Exit(1)
	}
	os.Exit(0)
}

// ignoreSignals has no effect for SIGINT and SIGTERM: the host decides when a plugin ends. They are caught, because the
// processes that a task starts would inherit ignored ones. Nobody reads the channel: Notify drops what does not fit.
func ignoreSignals() { signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM) }

// grpcPlugin gives the service to go-plugin.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	s *service
}

func (p grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	pb.RegisterPluginServiceServer(server, p.s)
	return nil
}

func (grpcPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a plugin is not a host")
}

// usage is for a user who started the plugin without the host.
func usage(name string, tasks []string) string {
	if !strings.ContainsRune(name, filepath.Separator) {
		name = executable()
	}
	task, list := "TASK", ""
	if len(tasks) > 0 {
		task, list = tasks[0], fmt.Sprintf("Its tasks: %s.\n", strings.Join(tasks, ", "))
	}
	return fmt.Sprintf("%s is a kagurazaka plugin: it works for the kagurazaka command and does nothing alone.\n%s"+
		"Run one with:    kagurazaka %s %s …\nIts help:        kagurazaka %s %s -h\n", filepath.Base(name), list, name, task, name, task)
}
