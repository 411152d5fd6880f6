package plugin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kagurazaka/kagurazaka/backbones"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Nursery is a plugin process that lists a task's items and makes its own workers. Imports happen once, and every worker has what the
// constructor of the task made.
type Nursery struct {
	proc   *Process
	task   string
	dir    string
	log    hclog.Logger
	cancel context.CancelFunc
	// lister is nil where the host lists.
	lister *Lister
	// mute: it did not answer within its time limit.
	mute atomic.Bool

	stream pb.PluginService_SpawnClient
	// requests are waiting to be sent to the process, which may read none. gone is closed when the Spawn call has ended.
	requests chan *pb.SpawnRequest
	gone     chan struct{}

	mu      sync.Mutex
	closed  bool
	waiting map[uint32]chan *pb.SpawnResponse
	// late counts the answers for an index that no call waits for any more. They come before those that are waited for.
	late  map[uint32]int
	shown map[uint64]chan Shown
	alive map[int64]*spawned
	// logs are the logs of workers that have not reported their start, by index; made counts them.
	logs   map[uint32]*workerLog
	made   int
	broken error
}

// StartNursery starts a process of the plugin and opens the task in it, ready to list and to spawn.
func StartNursery(ctx context.Context, command Command, start StartOptions, open OpenOptions) (*Nursery, error) {
	if start.MTLS {
		return nil, errForkedTLS
	}
	p, err := Start(ctx, command, start.ForNursery())
	if err != nil {
		return nil, err
	}
	return NurseryFrom(ctx, p, start, open)
}

// ForNursery are the options for a process that may become a nursery: it may list, and its workers inherit what it has.
func (o StartOptions) ForNursery() StartOptions {
	o.Stdin, o.Worker = true, true
	return o
}

// NurseryFrom makes a nursery of a process that was started with start.ForNursery and has opened no task. It takes over the process,
// even if it returns an error.
func NurseryFrom(ctx context.Context, p *Process, start StartOptions, open OpenOptions) (*Nursery, error) {
	if err := p.open(ctx, open, pb.Stage_STAGE_SPAWN); err != nil {
		p.Stop()
		return nil, err
	}
	streamCtx, cancel := context.WithCancel(context.Background())
	stream, err := p.service.Spawn(streamCtx)
	if err != nil {
		cancel()
		p.Stop()
		return nil, p.callError(ctx, "starting the Spawn call", err)
	}
	n := newNursery(p, stream, cancel)
	n.task, n.dir, n.log = open.Task, start.RuntimeDir, start.Log
	go n.send()
	go n.receive()
	return n, nil
}

func newNursery(p *Process, stream pb.PluginService_SpawnClient, cancel context.CancelFunc) *Nursery {
	return &Nursery{
		proc: p, log: hclog.NewNullLogger(), stream: stream, cancel: cancel, requests: make(chan *pb.SpawnRequest), gone: make(chan struct{}),
		waiting: map[uint32]chan *pb.SpawnResponse{}, late: map[uint32]int{}, shown: map[uint64]chan Shown{},
		alive: map[int64]*spawned{}, logs: map[uint32]*workerLog{},
	}
}

// Has reports whether the plugin announced a capability when it opened the task.
func (n *Nursery) Has(capability string) bool { return slices.Contains(n.proc.opened, capability) }

// List starts to list the task's items. With indexed the answer may be a range of indexes that the spawned workers share.
func (n *Nursery) List(ctx context.Context, indexed bool, warn func(string)) (*Lister, error) {
	l, err := n.proc.list(n.task, indexed, warn)
	if err != nil {
		return nil, n.proc.callError(ctx, "listing the items of "+n.task, err)
	}
	n.lister = l
	return l, nil
}

// Close ends the nursery and every worker that is left. The error says that the task was not closed; patience bounds the wait.
func (n *Nursery) Close(ctx context.Context, patience time.Duration) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	if n.mute.Load() || n.lister != nil && !n.lister.ended.Load() {
		// Its listing was cancelled in the middle, or it no longer answers.
		n.proc.Stop()
		return nil
	}
	return n.proc.Close(ctx, patience, "the process that makes workers")
}

// Spawn makes a worker, and waits until its task is open.
func (n *Nursery) Spawn(ctx context.Context, open OpenOptions) (backbones.Worker, error) {
	beat := keepHeartbeat(n.dir, &open, n.log)
	started, err := n.ask(ctx, open, pb.Stage_STAGE_RUN)
	if err != nil {
		beat.close()
		return nil, err
	}
	w, err := connect(ctx, n, started, func(service pb.PluginServiceClient) (*worker, error) {
		return runWorker(service, started, beat, open.Ended)
	})
	if err != nil {
		beat.close()
		return nil, err
	}
	return w, nil
}

// expectLog creates the pipe for the log of a worker before the worker exists.
func (n *Nursery) expectLog(open OpenOptions) (path string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made++
	l, err := newWorkerLog(filepath.Join(n.dir, fmt.Sprintf("log-%d-%d", open.WorkerIndex, n.made)), open.Log)
	if err != nil {
		return "", err
	}
	n.logs[uint32(open.WorkerIndex)] = l
	return l.path, nil
}

// forgetLog ends the log of a worker that did not start.
func (n *Nursery) forgetLog(open OpenOptions) {
	n.mu.Lock()
	l := n.logs[uint32(open.WorkerIndex)]
	delete(n.logs, uint32(open.WorkerIndex))
	n.mu.Unlock()
	if l != nil {
		l.end()
	}
}

// ask makes a worker, with a log of its own if it needs one.
func (n *Nursery) ask(ctx context.Context, open OpenOptions, stage pb.Stage) (s *spawned, err error) {
	if open.Log == nil {
		return n.order(ctx, open, stage)
	}
	if open.StderrPath, err = n.expectLog(open); err != nil {
		return nil, err
	}
	s, err = n.order(ctx, open, stage)
	if err != nil {
		n.forgetLog(open)
	}
	return s, err
}

func (n *Nursery) order(ctx context.Context, open OpenOptions, stage pb.Stage) (*spawned, error) {
	ctx, cancel := withOpenTimeout(ctx, n.proc.openTimeout)
	defer cancel()
	answer := make(chan *pb.SpawnResponse, 1)
	index := uint32(open.WorkerIndex)
	n.mu.Lock()
	if n.broken != nil {
		n.mu.Unlock()
		return nil, &backbones.FatalError{Err: n.broken}
	}
	n.waiting[index] = answer
	n.mu.Unlock()
	request := &pb.SpawnRequest{Message: &pb.SpawnRequest_Spawn{Spawn: &pb.SpawnWorker{Open: open.request(stage)}}}
	select {
	case n.requests <- request:
	case <-n.gone:
		// The closed answer channel leads to the reason.
	case <-ctx.Done():
		n.mu.Lock()
		delete(n.waiting, index)
		n.mu.Unlock()
		return nil, n.noAnswer(ctx, open)
	}
	select {
	case resp, ok := <-answer:
		if !ok {
			n.mu.Lock()
			defer n.mu.Unlock()
			return nil, &backbones.FatalError{Err: n.broken}
		}
		if exited := resp.GetExited(); exited != nil {
			exit := backbones.Exit{Code: int(exited.GetCode()), Signal: syscall.Signal(exited.GetSignal()), Stderr: n.proc.logTail()}
			return nil, fmt.Errorf("making a worker of task %s: before it had started, the worker %s%s", open.Task, exit, exit.StderrNote())
		}
		if failed := resp.GetFailed(); failed != nil {
			why := failed.GetError()
			if why == nil {
				why = &pb.Error{}
			}
			return nil, fatal(taskError("making a worker of task "+open.Task, why))
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.alive[resp.GetStarted().GetPid()], nil
	case <-ctx.Done():
		n.disown(index, answer)
		return nil, n.noAnswer(ctx, open)
	}
}

func (n *Nursery) noAnswer(ctx context.Context, open OpenOptions) error {
	n.mute.Store(errors.Is(ctx.Err(), context.DeadlineExceeded))
	return fmt.Errorf("making a worker of task %s: %w", open.Task, context.Cause(ctx))
}

// disown lets receive end the worker once it reports its start, or ends it now if it has.
func (n *Nursery) disown(index uint32, answer <-chan *pb.SpawnResponse) {
	n.mu.Lock()
	if n.waiting[index] == answer {
		delete(n.waiting, index)
		n.late[index]++
		n.mu.Unlock()
		return
	}
	n.mu.Unlock()
	if resp := <-answer; resp.GetStarted() != nil {
		n.mu.Lock()
		s := n.alive[resp.GetStarted().GetPid()]
		n.mu.Unlock()
		if s != nil {
			s.Kill()
		}
	}
}

// send sends requests to the process, one after the other. The process decides how long that takes.
func (n *Nursery) send() {
	for {
		select {
		case request := <-n.requests:
			if n.stream.Send(request) != nil {
				// receive learns why.
				return
			}
		case <-n.gone:
			return
		}
	}
}

// showTime bounds Show: a message about a failed item is not worth more.
const showTime = 2 * time.Second

// Shown describes an item that the host knows only by its index.
type Shown struct {
	// Item is the item as text; empty: not available.
	Item string
	// ContentKey identifies the item in a later run; 0: its text does.
	ContentKey uint64
}

// Show asks the plugin to describe the item at an index.
func (n *Nursery) Show(index uint64) Shown {
	answer := make(chan Shown, 1)
	n.mu.Lock()
	if n.broken != nil {
		n.mu.Unlock()
		return Shown{}
	}
	n.shown[index] = answer
	n.mu.Unlock()
	timer := time.NewTimer(showTime)
	defer timer.Stop()
	requests := n.requests
	for {
		select {
		case requests <- &pb.SpawnRequest{Message: &pb.SpawnRequest_ShowItem{ShowItem: index}}:
			requests = nil
		case shown := <-answer:
			return shown
		case <-timer.C:
			return Shown{}
		case <-n.gone:
			return Shown{}
		}
	}
}

// receive handles the nursery's messages until it ends. Then all of its workers have ended, too.
func (n *Nursery) receive() {
	for {
		resp, err := n.stream.Recv()
		if err != nil {
			n.end(err)
			return
		}
		switch m := resp.GetMessage().(type) {
		case *pb.SpawnResponse_Started:
			if err := n.ours(m.Started); err != nil {
				n.end(fmt.Errorf("%w%s", err, backbones.RuleNote("Spawn")))
				return
			}
			s := &spawned{
				pid: int(m.Started.GetPid()), socket: m.Started.GetSocket(), exited: make(chan struct{}), log: n.proc.runner.log,
				kills: countKills(), lostThreads: int(m.Started.GetLostThreads()),
			}
			n.mu.Lock()
			if s.own = n.logs[m.Started.GetWorkerIndex()]; s.own != nil {
				delete(n.logs, m.Started.GetWorkerIndex())
				s.own.opened()
			}
			n.alive[m.Started.GetPid()] = s
			n.mu.Unlock()
			if !n.answer(m.Started.GetWorkerIndex(), resp) {
				n.log.Debug("a worker came too late and is ended", "pid", s.pid)
				s.Kill()
			}
		case *pb.SpawnResponse_Failed:
			n.answer(m.Failed.GetWorkerIndex(), resp)
		case *pb.SpawnResponse_Shown:
			n.mu.Lock()
			answer := n.shown[m.Shown.GetIndex()]
			delete(n.shown, m.Shown.GetIndex())
			n.mu.Unlock()
			if answer != nil {
				answer <- Shown{Item: m.Shown.GetItem(), ContentKey: m.Shown.GetContentKey()}
			}
		case *pb.SpawnResponse_Exited:
			n.mu.Lock()
			s := n.alive[m.Exited.GetPid()]
			delete(n.alive, m.Exited.GetPid())
			n.mu.Unlock()
			if s != nil {
				// Reading the rest of its log must not delay other workers.
				go s.end(backbones.Exit{Code: int(m.Exited.GetCode()), Signal: syscall.Signal(m.Exited.GetSignal())})
			} else {
				// It ended before it reported its start.
				n.answer(m.Exited.GetWorkerIndex(), resp)
			}
		}
	}
}

var errNotItsWorker = errors.New("the plugin told of a worker that cannot be its own")

// ours checks the process number and socket of a worker before anything is sent to it. A signal to 0 or -1 would reach this process's
// group or all of the user's processes.
func (n *Nursery) ours(started *pb.WorkerStarted) error {
	pid := started.GetPid()
	if pid <= 1 || pid > math.MaxInt32 {
		return fmt.Errorf("%w: %d is not a process of its own", errNotItsWorker, pid)
	}
	if int(pid) == n.proc.PID() {
		return fmt.Errorf("%w: %d is the process that makes workers", errNotItsWorker, pid)
	}
	n.mu.Lock()
	known := n.alive[pid] != nil
	n.mu.Unlock()
	if known {
		return fmt.Errorf("%w: process %d is another worker", errNotItsWorker, pid)
	}
	if !filepath.IsAbs(started.GetSocket()) {
		return fmt.Errorf("%w: its socket %q is not an absolute path", errNotItsWorker, clip(started.GetSocket()))
	}
	// A process that has ended has no group.
	if group, err := syscall.Getpgid(int(pid)); err == nil && group != n.proc.PID() {
		return fmt.Errorf("%w: process %d is not in its process group", errNotItsWorker, pid)
	}
	return nil
}

// answer passes an answer to the call that waits for it, and reports whether there is one.
func (n *Nursery) answer(index uint32, resp *pb.SpawnResponse) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	answer := n.waiting[index]
	if n.late[index] > 0 {
		n.late[index]--
		return false
	}
	delete(n.waiting, index)
	if answer != nil {
		answer <- resp
	}
	return answer != nil
}

// end is called once, when the Spawn call has ended. Workers watch the lifeline of the nursery's group, so they end, too.
func (n *Nursery) end(cause error) {
	switch {
	case n.cancelled():
		cause = errors.New("the run has ended")
	case errors.Is(cause, errNotItsWorker):
		n.proc.Kill()
	default:
		cause = n.proc.callError(context.Background(), "making workers", cause)
	}
	n.proc.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = cause
	close(n.gone)
	for index, answer := range n.waiting {
		delete(n.waiting, index)
		close(answer)
	}
	for pid, s := range n.alive {
		delete(n.alive, pid)
		s.Kill()
		exit := n.proc.runner.exit
		exit.Reason = "the process that had made it is gone"
		go s.end(exit)
	}
}

// cancelled reports whether the host ended the Spawn call. The stream's own context says nothing: gRPC cancels it however
// the call ends.
func (n *Nursery) cancelled() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// spawned is a worker process that a nursery made.
type spawned struct {
	pid    int
	socket string
	once   sync.Once
	exited chan struct{}
	exit   backbones.Exit
	kills  oomCount
	// lostThreads is the number of threads that its maker had beside the one that forked.
	lostThreads int
	// ended: the host killed it.
	ended atomic.Bool
	conn  *grpc.ClientConn
	// log is the log of the process that made it; own is its own, or nil.
	log *stderrLog
	own *workerLog
}

func (s *spawned) end(exit backbones.Exit) {
	s.once.Do(func() {
		if s.own != nil {
			s.own.end()
		}
		exit.Stderr = s.logTail()
		exit.ByHost = s.ended.Load() && exit.Signal == syscall.SIGKILL
		if exit.Reason == "" {
			exit.Memory = memoryOf(exit, s.kills, s.output().takeMemory())
		}
		s.exit = exit
		close(s.exited)
	})
}

func (s *spawned) PID() int                   { return s.pid }
func (s *spawned) Exited() <-chan struct{}    { return s.exited }
func (s *spawned) exitStatus() backbones.Exit { return s.exit }

// logTail is the end of the worker's log, which may be the log of its maker.
func (s *spawned) logTail() []string { return s.output().tail() }

// output is the worker's own log, if it has written to it, or the log of its maker.
func (s *spawned) output() *stderrLog {
	if s.own != nil && len(s.own.log.tail()) > 0 {
		return s.own.log
	}
	return s.log
}

// reportTime bounds the wait for a nursery to report the end of a killed worker.
const reportTime = 10 * time.Second

// Kill kills the worker, with its group if it leads one. Its process number is valid until its nursery has reaped it.
func (s *spawned) Kill() {
	select {
	case <-s.exited:
		return
	default:
	}
	s.ended.Store(true)
	switch group, err := syscall.Getpgid(s.pid); {
	case err != nil:
		// It is gone.
	case group == s.pid:
		_ = syscall.Kill(-s.pid, syscall.SIGKILL)
	default:
		// Its children are in the group of its maker, and would live until the maker ends.
		children := descendants(s.pid)
		_ = syscall.Kill(s.pid, syscall.SIGKILL)
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	// Its end is reported by its nursery, which may never do so.
	time.AfterFunc(reportTime, func() {
		s.end(backbones.Exit{Code: -1, Reason: "it had to end, and the process that had made it never said that it had"})
	})
}

// Stop waits for the exit of a worker that has ended its Run call, and kills it if it does not exit.
func (s *spawned) Stop() {
	waitOrKill(s.exited, s.Kill, stopTime)
	_ = s.conn.Close()
}

// connect connects to a spawned worker and starts its Run stream.
func connect[W any](ctx context.Context, n *Nursery, s *spawned, run func(pb.PluginServiceClient) (W, error)) (w W, err error) {
	if s == nil {
		return w, errors.New("a worker ended as soon as it was made")
	}
	limit := n.proc.timeout
	opts := append(dialOptions(limit), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
		}))
	conn, err := grpc.NewClient("passthrough:///worker", opts...)
	if err != nil {
		s.Kill()
		return w, fmt.Errorf("connecting to a worker: %w", err)
	}
	s.conn = conn
	// The call begins once the worker's server has spoken.
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("its socket did not answer within %s; --start-timeout gives it longer", limit))
	defer cancel()
	letGo := context.AfterFunc(ctx, func() { _ = conn.Close() })
	w, err = run(pb.NewPluginServiceClient(conn))
	if !letGo() && err != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		s.Kill()
		_ = conn.Close()
		return w, fmt.Errorf("starting the Run call of a worker: %w", err)
	}
	return w, nil
}
