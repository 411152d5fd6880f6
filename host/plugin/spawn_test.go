package plugin

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// slow is a Spawn call whose process reads a request when the test lets it, and answers what the test says.
type slow struct {
	pb.PluginService_SpawnClient
	reads   chan *pb.SpawnRequest
	answers chan *pb.SpawnResponse
	gone    chan struct{}
}

func (s *slow) Send(r *pb.SpawnRequest) error {
	select {
	case s.reads <- r:
		return nil
	case <-s.gone:
		return io.EOF
	}
}

func (s *slow) Recv() (*pb.SpawnResponse, error) {
	if r, ok := <-s.answers; ok {
		return r, nil
	}
	return nil, io.EOF
}

// slowNursery is a nursery of a process of this test.
func slowNursery(t *testing.T) (*Nursery, *slow, int) {
	t.Helper()
	maker := sleeper(t, 0)
	call := &slow{reads: make(chan *pb.SpawnRequest), answers: make(chan *pb.SpawnResponse)}
	r := &runner{pid: maker.Process.Pid, log: newStderrLog(hclog.NewNullLogger(), nil), exited: make(chan struct{})}
	n := newNursery(&Process{runner: r, openTimeout: time.Minute}, call, func() {})
	call.gone = n.gone
	// There is no connection to close.
	n.proc.stopOnce.Do(func() {})
	go n.send()
	go n.receive()
	t.Cleanup(func() {
		close(r.exited)
		close(call.answers)
		<-n.gone
	})
	return n, call, maker.Process.Pid
}

// sleeper starts a process that does nothing, in the given process group; 0: in its own.
func sleeper(t *testing.T, group int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// A process that does not read its requests does not keep anybody longer than he waits.
func TestASpawnThatIsNotReadObeysItsContext(t *testing.T) {
	n, _, _ := slowNursery(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		// The sender takes this one, and waits for the process to read it.
		_, err := n.ask(ctx, OpenOptions{WorkerIndex: 0}, pb.Stage_STAGE_RUN)
		first <- err
	}()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := n.ask(cancelled, OpenOptions{WorkerIndex: 1}, pb.Stage_STAGE_RUN); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// A worker that is there when nobody waits for it any more is ended.
func TestAWorkerThatComesTooLateIsEnded(t *testing.T) {
	n, call, maker := slowNursery(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := n.ask(ctx, OpenOptions{WorkerIndex: 3}, pb.Stage_STAGE_RUN)
		asked <- err
	}()
	<-call.reads
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the context's", err)
	}
	late, wanted := sleeper(t, maker), sleeper(t, maker)
	started := func(cmd *exec.Cmd) *pb.SpawnResponse {
		return &pb.SpawnResponse{Message: &pb.SpawnResponse_Started{Started: &pb.WorkerStarted{
			WorkerIndex: 3, Pid: int64(cmd.Process.Pid), Socket: "/nowhere",
		}}}
	}
	type result struct {
		s   *spawned
		err error
	}
	again := make(chan result, 1)
	go func() {
		s, err := n.ask(t.Context(), OpenOptions{WorkerIndex: 3}, pb.Stage_STAGE_RUN)
		again <- result{s, err}
	}()
	<-call.reads
	call.answers <- started(late)
	call.answers <- started(wanted)
	got := <-again
	if got.err != nil || got.s.pid != wanted.Process.Pid {
		t.Errorf("%+v, %v, want the second worker", got.s, got.err)
	}
	if err := late.Wait(); err == nil || late.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the worker that came too late ended with %v", err)
	}
}

// unserved answers no call.
type unserved struct {
	pb.UnimplementedPluginServiceServer
}

func (unserved) Run(call pb.PluginService_RunServer) error {
	<-call.Context().Done()
	return nil
}

// tripwire calls a function for each connection that it accepts.
type tripwire struct {
	net.Listener
	accepted chan func()
}

func (l tripwire) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		go (<-l.accepted)()
	}
	return conn, err
}

// A start that is given up while its Run call begins yields either a worker that can be reached, or an error and a killed process.
func TestAStartThatIsGivenUpLeavesNoHalfWorker(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	wire := tripwire{listener, make(chan func())}
	server := grpc.NewServer()
	pb.RegisterPluginServiceServer(server, unserved{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(wire) }()
	defer func() {
		server.Stop()
		<-served
	}()
	refused := 0
	for i := range 400 {
		process := sleeper(t, 0)
		s := &spawned{pid: process.Process.Pid, socket: listener.Addr().String(), exited: make(chan struct{}), log: newStderrLog(hclog.NewNullLogger(), nil)}
		ctx, cancel := context.WithCancel(t.Context())
		// The moments differ, so that some are between the beginning of the call and the return of connect.
		turns := i
		go func() {
			wire.accepted <- func() {
				for range turns {
					runtime.Gosched()
				}
				cancel()
			}
		}()
		call, err := s.connect(ctx, time.Minute, nil)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v, want the context's", err)
			}
			refused++
			_ = process.Wait()
		} else {
			if state := s.conn.GetState(); state == connectivity.Shutdown {
				t.Fatal("connect returned a call on a closed connection")
			}
			call.cancel()
			_ = s.conn.Close()
		}
		cancel()
		close(s.exited)
	}
	t.Log(refused, "of 400 were refused")
}
