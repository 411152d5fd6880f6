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
	"github.com/kagurazaka/kagurazaka/sdk/internal/lifeline"
	"github.com/kagurazaka/kagurazaka/sdk/internal/stdio"
)

// Serve serves the tasks to the host that started this program. It is main's only line and never returns. Started by
// anything else, the program says how to use it, and exits with status 1.
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

	// go-plugin prints the handshake to os.Stdout, and then points os.Stdout and os.Stderr at pipes of its own, which
	// nobody reads: they are pointed back before the first call reaches user code.
	os.Stdout = handshake
	restore := sync.OnceFunc(stdio.Restore)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
		},
		Plugins: goplugin.PluginSet{"task": grpcPlugin{s: s}},
		Logger:  quietLogger(),
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
	if err := s.shutdown(); err != nil {
		// The log has it.
		os.Exit(1)
	}
	os.Exit(0)
}

// quietLogger is for go-plugin, whose debug lines interest only its authors.
func quietLogger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "go-plugin", Level: hclog.Error, Output: logOutput, JSONFormat: true})
}

// ignoreSignals lets Ctrl-C and a polite kill pass: the host decides when a plugin ends. They are caught, not ignored,
// because processes that the task starts would inherit that.
func ignoreSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for range signals {
			continue
		}
	}()
}

// grpcPlugin hands the service to go-plugin.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	s *service
}

func (p grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	p.s.register(server)
	return nil
}

func (grpcPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a plugin is not a host")
}

// usage tells a person who started the plugin by hand what it is.
func usage(argv0 string, tasks []string) string {
	name := argv0
	if !strings.ContainsRune(name, filepath.Separator) {
		if path, err := os.Executable(); err == nil {
			name = path
		}
	}
	task := "TASK"
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a kagurazaka plugin: it works for the kagurazaka command and does nothing alone.\n", filepath.Base(name))
	if len(tasks) > 0 {
		fmt.Fprintf(&b, "Its tasks: %s.\n", strings.Join(tasks, ", "))
		task = tasks[0]
	}
	fmt.Fprintf(&b, "Run one with:    kagurazaka %s %s …\nIts help:        kagurazaka %s %s -h\n", name, task, name, task)
	return b.String()
}
