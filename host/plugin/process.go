package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gprunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/cpu"
	_ "github.com/kagurazaka/kagurazaka/internal/buffers" // for the messages of the Run and List calls
	"github.com/kagurazaka/kagurazaka/internal/wire"
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
	// Interpreter is the program that runs a script, which is then Path as well; empty: Path is the plugin itself.
	Interpreter string
	// Hint is added to the message when the plugin cannot be started; may be empty.
	Hint string
	// SHA256 is what the executable must have when it is started, in hexadecimal digits; empty: it is not checked.
	SHA256 string
	// CleanEnv starts the plugin with the few variables that every program needs; see docs/how-to/trust.md.
	CleanEnv bool
}

// StartOptions say how one process of a plugin is started.
type StartOptions struct {
	Log hclog.Logger
	// Timeout bounds the handshake; 0: a minute.
	Timeout time.Duration
	// OpenTimeout bounds the opening of the task, including the loading of a model; 0: ten minutes.
	OpenTimeout time.Duration
	// Stdin hands the user's stdin to the process; otherwise it reads an empty one.
	Stdin bool
	// Worker limits BLAS and OpenMP to CPUs.Threads, or one thread each, unless the user has set them.
	Worker bool
	// CPUs is where the process and all that it starts run.
	CPUs cpu.Set
	// RuntimeDir holds sockets and heartbeat pages. See NewRuntimeDir.
	RuntimeDir string
	// MTLS requires TLS with certificates on both sides.
	MTLS bool
	// Messages logs every message by its kind and size.
	Messages bool
	// Stderr gets what the process writes to stdout and stderr as it is, without its log lines; nil: the log gets it, tidied up.
	Stderr io.Writer
}

// Process is one running plugin process after its handshake.
type Process struct {
	name    string
	runner  *runner
	client  *goplugin.Client
	service pb.PluginServiceClient
	log     hclog.Logger
	timeout time.Duration
	// openTimeout bounds Open.
	openTimeout time.Duration
	// opened are the capabilities that Open was answered with.
	opened []string
	// messages logs the messages; nil: they are not logged. stderr is StartOptions.Stderr.
	messages *messageLog
	stderr   io.Writer

	stopOnce sync.Once
}

// dialOptions fit messages of a megabyte: with gRPC's default windows of 64 KiB, each would wait for several replies. gRPC's own
// connect timeout is longer than start, the host's, so that the host reports a mute process itself.
func dialOptions(start time.Duration, messages *messageLog) []grpc.DialOption {
	return append(messages.dialOptions(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: start + time.Minute}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MessageLimit), grpc.MaxCallSendMsgSize(wire.MessageLimit)),
		grpc.WithInitialWindowSize(4<<20),
		grpc.WithInitialConnWindowSize(8<<20),
		grpc.WithReadBufferSize(128<<10),
		grpc.WithWriteBufferSize(128<<10),
	)
}

// Start starts a process of the plugin and completes the handshake. Its error is a *StartError, or ctx's.
func Start(ctx context.Context, command Command, opts StartOptions) (*Process, error) {
	opts.Timeout, opts.OpenTimeout = cmp.Or(opts.Timeout, defaultStartTimeout), cmp.Or(opts.OpenTimeout, defaultOpenTimeout)
	p := &Process{name: command.Name, log: opts.Log, timeout: opts.Timeout, openTimeout: opts.OpenTimeout, stderr: opts.Stderr}
	if opts.Messages {
		p.messages = &messageLog{opts.Log}
	}
	image, err := openImage(command)
	if err != nil {
		return nil, err
	}
	defer image.close()
	cmd := exec.Command(command.Path, command.Args...)
	image.use(cmd)
	if opts.Stdin {
		cmd.Stdin = os.Stdin
	}
	p.runner = newRunner(cmd, command.Name, newStderrLog(opts.Log, opts.Stderr))
	p.runner.mtls, p.runner.cpus = opts.MTLS, opts.CPUs
	threads := 0
	if opts.Worker {
		threads = max(opts.CPUs.Threads, 1)
	}
	// go-plugin's own lines (a process started, exited) only help to debug the host. They disturb who debugs a plugin.
	internal := hclog.NewNullLogger()
	if opts.Log.IsTrace() && !opts.Messages {
		internal = opts.Log.Named("go-plugin")
	}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{wire.ProtocolVersion: {}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           internal,
		StartTimeout:     opts.Timeout,
		SkipHostEnv:      true,
		AutoMTLS:         opts.MTLS,
		GRPCDialOptions:  dialOptions(opts.Timeout, p.messages),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: opts.RuntimeDir},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (gprunner.Runner, error) {
			// A plugin should not write what the host's log drops.
			level := "KAGURAZAKA_LOG_LEVEL=" + opts.Log.GetLevel().String()
			p.runner.cmd.Env = append(append(Environment(command, threads), level), spec.Env...)
			return p.runner, nil
		},
	})
	began := time.Now()
	stopWatching := context.AfterFunc(ctx, p.runner.killGroup)
	// go-plugin's limit ends with the line of the handshake; after it, a socket may accept the connection and never answer.
	tooLong := time.AfterFunc(opts.Timeout, p.runner.killGroup)
	err = p.connect(opts.MTLS)
	if !tooLong.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if !stopWatching() && err == nil {
		err = context.Cause(ctx)
	}
	if image.changed() {
		p.Kill()
		if p.PID() != 0 {
			<-p.Exited()
		}
		return nil, &StartError{
			Plugin: command.Name, What: fmt.Sprintf("was ended: %s was written to while it was started", command.Path), Err: errNotTrusted,
		}
	}
	if err != nil {
		return nil, p.startFailed(ctx, command, time.Since(began) >= opts.Timeout, err)
	}
	if why := p.runner.refused; why != nil {
		opts.Log.Warn("a worker does not run on its CPUs, but wherever the host may", "cpus", cpu.FormatList(opts.CPUs.CPUs), "error", why)
	}
	return p, nil
}

func (p *Process) connect(mtls bool) error {
	if mtls {
		// Before the first byte is sent: the connection to a server without a certificate would fail, and not say why.
		if _, err := p.client.Start(); err != nil {
			return err
		}
		if line, _ := p.runner.firstSaid(); !hasCertificate(line) {
			return errNoCertificate
		}
	}
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	// gRPC is the only allowed protocol.
	p.service = pb.NewPluginServiceClient(protocol.(*goplugin.GRPCClient).Conn)
	return nil
}

// startFailed ends the process and returns an error that explains the failure.
func (p *Process) startFailed(ctx context.Context, command Command, timedOut bool, cause error) error {
	if p.PID() == 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return cannotExec(command, cause)
	}
	var exit *backbones.Exit
	if !timedOut && ctx.Err() == nil && !errors.Is(cause, errNoCertificate) {
		// The exit code of a process that is about to exit says more.
		waitOr(p.runner.exited, drainTime, p.runner.killGroup)
		if !p.runner.exit.ByHost {
			exit = &p.runner.exit
		}
	}
	p.runner.killGroup()
	<-p.runner.exited
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return noHandshake(command, p.runner, timedOut, p.timeout, exit, cause)
}

// PID is the process number.
func (p *Process) PID() int { return p.runner.processID() }

// Exited is closed when the process has ended and what it wrote was read.
func (p *Process) Exited() <-chan struct{} { return p.runner.exited }

// Kill ends the process and everything that it started, at once.
func (p *Process) Kill() { p.runner.killGroup() }

// stopTime bounds the exit of a process that has nothing to finish.
const stopTime = 3 * time.Second

// Stop asks the process to exit, kills it if it does not, and returns once it has ended.
func (p *Process) Stop() { _ = p.leave(stopTime, nil) }

// tellAfter is the time after which a log line reports that the host waits for a task to close.
const tellAfter = 3 * time.Second

// Close asks the process to close its task and exit, and returns once it has ended. The error says that the task was not closed.
// patience bounds the wait; if ctx ends, the process is killed at once.
func (p *Process) Close(ctx context.Context, patience time.Duration, what string) error {
	if ctx.Err() != nil {
		p.Stop()
		return nil
	}
	told := time.AfterFunc(tellAfter, func() {
		p.log.Info("waiting for "+what+" to close its task", "pid", p.PID(), "close_timeout", patience)
	})
	defer told.Stop()
	if err := p.leave(patience, ctx.Done()); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s did not close its task, and what it still had to write may be lost: %w", what, err)
	}
	return nil
}

// leave asks the process to exit, kills it if it does not, and returns once it has ended. The error says that it did not exit as
// asked; only the first call returns one.
func (p *Process) leave(patience time.Duration, hurry <-chan struct{}) (err error) {
	p.stopOnce.Do(func() {
		gone, done := isClosed(p.Exited()), make(chan struct{})
		go func() {
			defer close(done)
			// go-plugin's Kill gives a process only two seconds, so ask first.
			if protocol, err := p.client.Client(); err == nil && !gone {
				_ = protocol.Close()
			}
			<-p.Exited()
			p.client.Kill()
		}()
		select {
		case <-p.runner.exited:
		case <-hurry:
			p.runner.killGroup()
		case <-time.After(patience):
			err = fmt.Errorf("it took longer than %s, and the process was ended; --close-timeout gives it longer", patience)
			p.runner.killGroup()
		}
		<-p.runner.exited
		if exit := p.runner.exit; err == nil && !gone && (exit.Code != 0 || exit.Signal != 0) {
			err = fmt.Errorf("the process %s%s", exit, exit.StderrNote())
		}
		// go-plugin's own goroutines end with the process. A close that hangs is abandoned.
		select {
		case <-done:
		case <-time.After(stopTime):
			p.log.Debug("closing the connection to the plugin did not return")
		}
	})
	<-p.runner.exited
	return err
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// waitOr waits for an end. If it does not come in time, it calls force, and waits for the end that this brings.
func waitOr(ended <-chan struct{}, patience time.Duration, force func()) {
	select {
	case <-ended:
	case <-time.After(patience):
		force()
		<-ended
	}
}

// callError turns a failed call into an error for the user. It says how the process ended, if it did.
func (p *Process) callError(ctx context.Context, call string, err error) error {
	if _, bounded := ctx.Deadline(); bounded && status.Code(err) == codes.DeadlineExceeded {
		// The other side has the same deadline, and may report it first.
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", call, context.Cause(ctx))
	}
	switch code := status.Code(err); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the plugin ended the call without an answer%s", call, backbones.RuleNote("Order of calls"))
	case code == codes.Unimplemented:
		return fmt.Errorf("%s: %w: %s%s", call, errUnimplemented, said(err), backbones.RuleNote("Services"))
	case overLimit(err):
		return fmt.Errorf("%s: a message is over the limit of %d MiB: %s", call, wire.MessageLimit>>20, said(err))
	case code != codes.Unavailable && code != codes.Canceled && code != codes.Unknown && code != codes.Internal:
		// The process refused, and lives.
		return fmt.Errorf("%s: %s", call, said(err))
	}
	reason := ""
	waitOr(p.Exited(), drainTime, func() {
		reason = "its connection broke: " + said(err)
		if c := status.Code(err); c == codes.Unknown || c == codes.Internal {
			reason = "it answered with a gRPC status: " + said(err)
		}
		p.Kill()
	})
	exit := p.runner.exit
	exit.Reason = cmp.Or(reason, exit.Reason)
	return fmt.Errorf("%s: the plugin process %s%s", call, exit, lastOutput(exit.Stderr))
}
