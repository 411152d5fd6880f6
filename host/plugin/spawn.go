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

// Nursery is a plugin process that lists a task's items and makes its own workers, so that imports are paid once and
// what the task's constructor made is there in each of them.
type Nursery struct {
	proc   *Process
	task   string
	dir    string
	log    hclog.Logger
	cancel context.CancelFunc
	// lister is nil where the host lists.
	lister *Lister
	// mute says that it did not answer within the time that it had.
	mute atomic.Bool

	stream pb.PluginService_SpawnClient
	// requests are on their way to the process, which may read none. gone is closed when it takes no more.
	requests chan *pb.SpawnRequest
	gone     chan struct{}

	mu      sync.Mutex
	closed  bool
	waiting map[uint32]chan *pb.SpawnResponse
	// late counts the answers for an index that nobody waits for any more. They come before those that are waited for.
	late  map[uint32]int
	shown map[uint64]chan Shown
	alive map[int64]*spawned
	// logs are of workers that have not said yet that they are there, by index; made counts them.
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

// NurseryFrom makes a nursery of a process that was started with start.ForNursery and has opened nothing yet. The process
// is the nursery's from then on, also when there is an error.
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

// Has reports whether the plugin has said, once the task was open, that it has a capability.
func (n *Nursery) Has(capability string) bool { return slices.Contains(n.proc.opened, capability) }

// List begins to list the task's items. With indexed the answer may be a range of indexes that the spawned workers share.
func (n *Nursery) List(ctx context.Context, indexed bool, warn func(string)) (*Lister, error) {
	l, err := n.proc.list(n.task, indexed, warn)
	if err != nil {
		return nil, n.proc.callError(ctx, "listing the items of "+n.task, err)
	}
	n.lister = l
	return l, nil
}

// Close ends the nursery and every worker that is left. Its error says that the task was not closed; patience is how long
// that may take.
func (n *Nursery) Close(ctx context.Context, patience time.Duration) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	if n.mute.Load() || n.lister != nil && !n.lister.ended.Load() {
		// It was broken off in its listing, and may be in the middle of anything; or it answers nothing any more.
		n.proc.Stop()
		return nil
	}
	return n.proc.Close(ctx, patience, "the process that makes workers")
}

// Spawn makes a worker. It waits until the worker is opened.
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

// expectLog makes the pipe for the log of a worker to come.
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

// ask has a worker made, with a log of its own if it is to have one.
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
		// The answer says why.
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

// disown leaves the worker to come to receive, which ends it; or ends it, where it is there by now.
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

// send hands requests to the process, one after the other. That may take as long as the process likes.
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

// showTime bounds how long Show waits: a message about a failed item is not worth more.
const showTime = 2 * time.Second

// Shown is what a plugin says of an item that is known to the host by its index alone.
type Shown struct {
	// Item is printable; empty: there is none.
	Item string
	// ContentKey is what it is known by in a later run; 0: the text stands for it.
	ContentKey uint64
}

// Show asks for an item that is known by its index alone.
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

// receive takes the nursery's messages until it ends; then every worker of it has ended too.
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
				// What is left of its log is read meanwhile: others must not wait for it.
				go s.end(backbones.Exit{Code: int(m.Exited.GetCode()), Signal: syscall.Signal(m.Exited.GetSignal())})
			} else {
				// It ended before it said that it was there.
				n.answer(m.Exited.GetWorkerIndex(), resp)
			}
		}
	}
}

var errNotItsWorker = errors.New("the plugin told of a worker that cannot be its own")

// ours checks a worker's number and socket before anything is sent to it, signals included: 0 and -1 would be this process's
// group and all of the user's processes.
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
	// One that is gone already has no group any more.
	if group, err := syscall.Getpgid(int(pid)); err == nil && group != n.proc.PID() {
		return fmt.Errorf("%w: process %d is not in its process group", errNotItsWorker, pid)
	}
	return nil
}

// answer hands an answer to what waits for it, and reports whether anything does.
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

// end is called once, when the Spawn call ended. Workers watch the lifeline of the nursery's group: they are gone, too.
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
	// lostThreads is how many threads its maker had that it has not.
	lostThreads int
	// ended says that the host sent it the signal that ends it.
	ended atomic.Bool
	conn  *grpc.ClientConn
	// log is that of the process that made it; own is the worker's, or nil.
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

// logTail is the last of what the worker wrote. One that writes to where its maker writes shares that one's.
func (s *spawned) logTail() []string { return s.output().tail() }

// output is the log that the worker writes to: its own, if it has ever done so.
func (s *spawned) output() *stderrLog {
	if s.own != nil && len(s.own.log.tail()) > 0 {
		return s.own.log
	}
	return s.log
}

// reportTime is how long a nursery may take to say that a worker has ended which was killed.
const reportTime = 10 * time.Second

// Kill ends the worker, with its group where it leads one. Its number is good until its nursery has reaped it.
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
		// What it started is in the group of the process that made it, and would go on until that one's end.
		children := descendants(s.pid)
		_ = syscall.Kill(s.pid, syscall.SIGKILL)
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	// Whoever waits for it waits for its nursery's word, which may not come.
	time.AfterFunc(reportTime, func() {
		s.end(backbones.Exit{Code: -1, Reason: "it had to end, and the process that had made it never said that it had"})
	})
}

// Stop waits for a worker that has ended its Run call to leave, and kills it if it does not.
func (s *spawned) Stop() {
	waitOrKill(s.exited, s.Kill, stopTime)
	_ = s.conn.Close()
}

// connect reaches a spawned worker and begins its Run stream.
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
