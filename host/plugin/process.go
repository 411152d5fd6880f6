package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gprunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/backbones"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Command is how to start a plugin.
type Command struct {
	// Name is what the user calls the plugin, for messages.
	Name string
	// Path is the executable, Args what follows it.
	Path string
	Args []string
	// Env is added to the host's environment; later entries win.
	Env []string
	// Hint is added to the message when the plugin cannot be started; may be empty.
	Hint string
}

// StartOptions say how one process of a plugin is started.
type StartOptions struct {
	Log hclog.Logger
	// Timeout bounds the handshake; 0: DefaultStartTimeout.
	Timeout time.Duration
	// Stdin hands the user's stdin to the process; otherwise it reads an empty one.
	Stdin bool
	// Worker limits BLAS and OpenMP to one thread each, unless the user has set them.
	Worker bool
	// RuntimeDir holds sockets and heartbeat pages. See NewRuntimeDir.
	RuntimeDir string
}

// Process is one running plugin process after its handshake.
type Process struct {
	name    string
	runner  *runner
	client  *goplugin.Client
	service pb.PluginServiceClient
	log     hclog.Logger
	timeout time.Duration

	stopOnce sync.Once
}

// threadLimits keep N workers from starting N×CPUs threads between them.
var threadLimits = []string{
	"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
	"BLIS_NUM_THREADS", "RAYON_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
}

// grpcPlugin lets go-plugin hand out the connection.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (grpcPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves no plugin")
}

func (grpcPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pb.NewPluginServiceClient(conn), nil
}

// NewRuntimeDir makes a folder, private to the user, for a run's sockets and heartbeat pages. The caller removes it.
func NewRuntimeDir() (string, error) {
	// A socket's path may have 104 bytes, some 60 of which are taken in and below this folder.
	base := os.TempDir()
	if len(base) > 40 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "kagurazaka-")
	if err != nil {
		return "", fmt.Errorf("making a folder for sockets: %w", err)
	}
	return dir, nil
}

// dialOptions fit messages of a megabyte: gRPC's default windows of 64 KiB would make each wait for several replies.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit), grpc.MaxCallSendMsgSize(messageLimit)),
		grpc.WithInitialWindowSize(4 << 20),
		grpc.WithInitialConnWindowSize(8 << 20),
		grpc.WithReadBufferSize(128 << 10),
		grpc.WithWriteBufferSize(128 << 10),
	}
}

// Start starts a process of the plugin and completes the handshake. Its error is a *StartError, or ctx's.
func Start(ctx context.Context, command Command, opts StartOptions) (*Process, error) {
	if opts.Timeout == 0 {
		opts.Timeout = DefaultStartTimeout
	}
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	p := &Process{name: command.Name, log: opts.Log, timeout: opts.Timeout}
	var stdin *os.File
	if opts.Stdin {
		stdin = os.Stdin
	}
	p.runner = newRunner(exec.Command(command.Path, command.Args...), command.Name, stdin, newStderrLog(opts.Log))
	// go-plugin's own lines (a process started, exited) interest only who debugs the host.
	internal := hclog.NewNullLogger()
	if opts.Log.IsTrace() {
		internal = opts.Log.Named("go-plugin")
	}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{protocolVersion: {"task": grpcPlugin{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           internal,
		StartTimeout:     opts.Timeout,
		SkipHostEnv:      true,
		GRPCDialOptions:  dialOptions(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: opts.RuntimeDir},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (gprunner.Runner, error) {
			// A plugin need not write what the host's log would drop.
			level := "KAGURAZAKA_LOG_LEVEL=" + opts.Log.GetLevel().String()
			p.runner.cmd.Env = append(append(environment(command.Env, opts.Worker), level), spec.Env...)
			return p.runner, nil
		},
	})
	began := time.Now()
	stopWatching := context.AfterFunc(ctx, p.runner.killGroup)
	defer stopWatching()
	if err := p.connect(); err != nil {
		err = p.startFailed(ctx, command, time.Since(began) >= opts.Timeout, opts.Timeout, err)
		var start *StartError
		if errors.As(err, &start) && command.Hint != "" {
			start.Hints = append(start.Hints, command.Hint)
		}
		return nil, err
	}
	return p, nil
}

func environment(extra []string, worker bool) []string {
	env := os.Environ()
	if worker {
		for _, name := range threadLimits {
			if _, set := os.LookupEnv(name); !set {
				env = append(env, name+"=1")
			}
		}
	}
	return append(env, extra...)
}

func (p *Process) connect() error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense("task")
	if err != nil {
		return err
	}
	service, ok := raw.(pb.PluginServiceClient)
	if !ok {
		return errUnimplemented
	}
	p.service = service
	return nil
}

// startFailed ends what was started and explains.
func (p *Process) startFailed(ctx context.Context, command Command, timedOut bool, timeout time.Duration, cause error) error {
	if p.runner.processID() == 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return cannotExec(command.Name, command.Path, cause)
	}
	var exit *backbones.Exit
	if !timedOut && ctx.Err() == nil {
		// A process that broke off says more by its exit code, if it is about to leave.
		select {
		case <-p.runner.exited:
			exit = &p.runner.exit
		case <-time.After(drainTime):
		}
	}
	p.runner.killGroup()
	<-p.runner.exited
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return noHandshake(command.Name, p.runner, timedOut, timeout, exit, cause)
}

// PID is the process number.
func (p *Process) PID() int { return p.runner.processID() }

// Exited is closed when the process has ended and what it wrote was read.
func (p *Process) Exited() <-chan struct{} { return p.runner.exited }

// Kill ends the process and everything that it started, at once.
func (p *Process) Kill() { p.runner.killGroup() }

// stopTime is how long a process may take to leave when asked.
const stopTime = 3 * time.Second

// Stop asks the process to leave, kills it if it does not, and returns when it is gone.
func (p *Process) Stop() {
	p.stopOnce.Do(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.client.Kill()
		}()
		timer := time.NewTimer(stopTime)
		defer timer.Stop()
		select {
		case <-done:
		case <-p.runner.exited:
		case <-timer.C:
			p.runner.killGroup()
		}
		<-p.runner.exited
		// go-plugin's own goroutines end once the process is gone; a close that hangs is left behind.
		select {
		case <-done:
		case <-time.After(stopTime):
			p.log.Debug("closing the connection to the plugin did not return")
		}
	})
	<-p.runner.exited
}

// waitOrKill gives a process some time to leave, and then kills it.
func waitOrKill(exited <-chan struct{}, kill func(), patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-exited:
	case <-timer.C:
		kill()
		<-exited
	}
}

// callError turns a failed call into an error for people: an ended process is named with how it ended.
func (p *Process) callError(ctx context.Context, call string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", call, context.Cause(ctx))
	}
	switch status.Code(err) {
	case codes.Unimplemented:
		return fmt.Errorf("%s: %w", call, errUnimplemented)
	case codes.ResourceExhausted:
		return fmt.Errorf("%s: a message is over the limit of %d MiB: %s", call, messageLimit>>20, status.Convert(err).Message())
	}
	if !transportGone(err) {
		return fmt.Errorf("%s: %s", call, status.Convert(err).Message())
	}
	reason := ""
	select {
	case <-p.runner.exited:
	case <-time.After(drainTime):
		reason = "its connection broke: " + status.Convert(err).Message()
		p.runner.killGroup()
		<-p.runner.exited
	}
	exit := p.runner.exit
	if reason != "" {
		exit.Reason = reason
	}
	return &CrashError{Call: call, Exit: exit, Err: err}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
