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
	// lister is nil if the host lists.
	lister *Lister
	// closed: Close was called. mute: the process did not answer within its time limit.
	closed, mute atomic.Bool

	stream pb.PluginService_SpawnClient
	// requests are waiting to be sent to the process, which may read none. gone is closed when the Spawn call has ended.
	requests chan *pb.SpawnRequest
	gone     chan struct{}

	mu sync.Mutex
	// orders are the workers that the process has not reported yet, by index, the oldest first.
	orders map[uint32][]*order
	shown  map[uint64]chan *pb.ShownItem
	alive  map[int64]*spawned
	// logs is the number of log pipes made.
	logs   int
	broken error
}

// order is one worker that a nursery has to make.
type order struct {
	answer chan made
	// log is the worker's own log; nil: it writes to the log of its maker.
	log *workerLog
	// abandoned: no call waits for the worker any more.
	abandoned bool
}

// made is the answer to an order: a worker, or why there is none.
type made struct {
	worker *spawned
	err    error
}

// StartNursery opens the task in a process of the plugin, ready to list and to spawn. proc was started with start.ForNursery and has
// opened no task; nil: StartNursery starts one. It takes over the process, even if it returns an error.
func StartNursery(ctx context.Context, proc *Process, command Command, start StartOptions, open OpenOptions) (*Nursery, error) {
	if proc == nil {
		var err error
		if proc, err = Start(ctx, command, start.ForNursery()); err != nil {
			return nil, err
		}
	}
	if err := proc.open(ctx, open, pb.Stage_STAGE_SPAWN); err != nil {
		proc.Stop()
		return nil, err
	}
	streamCtx, cancel := context.WithCancel(context.Background())
	stream, err := proc.service.Spawn(streamCtx)
	if err != nil {
		cancel()
		proc.Stop()
		return nil, proc.callError(ctx, "starting the Spawn call", err)
	}
	n := newNursery(proc, stream, cancel)
	n.task, n.dir, n.log = open.Task, start.RuntimeDir, start.Log
	go n.send()
	go n.receive()
	return n, nil
}

// ForNursery are the options for a process that may become a nursery: it may list, and its workers inherit what it has.
func (o StartOptions) ForNursery() StartOptions {
	o.Stdin, o.Worker = true, true
	return o
}

func newNursery(p *Process, stream pb.PluginService_SpawnClient, cancel context.CancelFunc) *Nursery {
	return &Nursery{
		proc: p, log: hclog.NewNullLogger(), stream: stream, cancel: cancel, requests: make(chan *pb.SpawnRequest), gone: make(chan struct{}),
		orders: map[uint32][]*order{}, shown: map[uint64]chan *pb.ShownItem{}, alive: map[int64]*spawned{},
	}
}

// Has reports whether the plugin announced a capability when it opened the task.
func (n *Nursery) Has(capability string) bool { return slices.Contains(n.proc.opened, capability) }

// List starts to list the task's items. With indexed the answer may be a range of indexes that the spawned workers share.
func (n *Nursery) List(ctx context.Context, indexed bool, warn func(string)) (*Lister, error) {
	l, err := n.proc.list(ctx, n.task, indexed, warn)
	n.lister = l
	return l, err
}

// Close ends the nursery and every worker that is left. The error says that the task was not closed; patience bounds the wait.
func (n *Nursery) Close(ctx context.Context, patience time.Duration) error {
	n.closed.Store(true)
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
	call, err := started.connect(ctx, n.proc.timeout, n.messages(open))
	if err != nil {
		beat.close()
		return nil, err
	}
	return newWorker(call, started, beat, open.Ended), nil
}

// ask makes a worker, with a log of its own if open.Log is set, and waits until it has started.
func (n *Nursery) ask(ctx context.Context, open OpenOptions, stage pb.Stage) (*spawned, error) {
	ctx, cancel := withOpenTimeout(ctx, n.proc.openTimeout)
	defer cancel()
	o, err := n.order(&open)
	if err != nil {
		return nil, err
	}
	request := &pb.SpawnRequest{Message: &pb.SpawnRequest_Spawn{Spawn: &pb.SpawnWorker{Open: open.request(stage)}}}
	select {
	case n.requests <- request:
	case <-n.gone:
		// Every order has its answer.
	case <-ctx.Done():
		n.mu.Lock()
		index := uint32(open.WorkerIndex)
		n.orders[index] = slices.DeleteFunc(n.orders[index], func(other *order) bool { return other == o })
		n.mu.Unlock()
	}
	select {
	case answer := <-o.answer:
		if answer.err != nil {
			o.log.end()
		}
		return answer.worker, answer.err
	case <-ctx.Done():
		n.abandon(o)
		n.mute.Store(errors.Is(ctx.Err(), context.DeadlineExceeded))
		return nil, fmt.Errorf("making a worker of task %s: %w", n.task, context.Cause(ctx))
	}
}

// order registers a worker before the process is asked for it. If the worker has its own log, its pipe exists before the worker does.
func (n *Nursery) order(open *OpenOptions) (*order, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		return nil, &backbones.FatalError{Err: n.broken}
	}
	o := &order{answer: make(chan made, 1)}
	if open.Log != nil {
		n.logs++
		var err error
		if o.log, err = newWorkerLog(filepath.Join(n.dir, fmt.Sprintf("log-%d-%d", open.WorkerIndex, n.logs)), open.Log, n.proc.stderr); err != nil {
			return nil, err
		}
		open.StderrPath = o.log.path
	}
	index := uint32(open.WorkerIndex)
	n.orders[index] = append(n.orders[index], o)
	return o, nil
}

// abandon ends the worker of an order, now or once it reports its start.
func (n *Nursery) abandon(o *order) {
	n.mu.Lock()
	o.abandoned = true
	n.mu.Unlock()
	select {
	case answer := <-o.answer:
		if answer.worker != nil {
			answer.worker.Kill()
			return
		}
	default:
	}
	o.log.end()
}

// next removes the oldest order of an index; nil: there is none. The caller holds mu.
func (n *Nursery) next(index uint32) *order {
	orders := n.orders[index]
	if len(orders) == 0 {
		return nil
	}
	n.orders[index] = orders[1:]
	return orders[0]
}

// refuse answers the oldest order of an index with an error.
func (n *Nursery) refuse(index uint32, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if o := n.next(index); o != nil {
		o.answer <- made{err: err}
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

// Show asks the plugin to describe the item at an index. item is its text; empty: not available. contentKey identifies it in a later
// run; 0: its text does.
func (n *Nursery) Show(index uint64) (item string, contentKey uint64) {
	answer := make(chan *pb.ShownItem, 1)
	n.mu.Lock()
	n.shown[index] = answer
	n.mu.Unlock()
	timeout := time.After(showTime)
	requests := n.requests
	for {
		select {
		case requests <- &pb.SpawnRequest{Message: &pb.SpawnRequest_ShowItem{ShowItem: index}}:
			requests = nil
		case shown := <-answer:
			return shown.GetItem(), shown.GetContentKey()
		case <-timeout:
			return "", 0
		case <-n.gone:
			return "", 0
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
			if err := n.started(m.Started); err != nil {
				n.end(fmt.Errorf("%w%s", err, backbones.RuleNote("Spawn")))
				return
			}
		case *pb.SpawnResponse_Failed:
			why := m.Failed.GetError()
			if why == nil {
				why = &pb.Error{}
			}
			n.refuse(m.Failed.GetWorkerIndex(), fatal(taskError("making a worker of task "+n.task, why)))
		case *pb.SpawnResponse_Shown:
			n.mu.Lock()
			answer := n.shown[m.Shown.GetIndex()]
			delete(n.shown, m.Shown.GetIndex())
			n.mu.Unlock()
			if answer != nil {
				answer <- m.Shown
			}
		case *pb.SpawnResponse_Exited:
			n.mu.Lock()
			s := n.alive[m.Exited.GetPid()]
			delete(n.alive, m.Exited.GetPid())
			n.mu.Unlock()
			exit := backbones.Exit{Code: int(m.Exited.GetCode()), Signal: syscall.Signal(m.Exited.GetSignal())}
			if s != nil {
				// Reading the rest of its log must not delay other workers.
				go s.end(exit)
				continue
			}
			exit.Stderr = n.proc.logTail()
			n.refuse(m.Exited.GetWorkerIndex(), fmt.Errorf("making a worker of task %s: before it had started, the worker %s%s", n.task, exit, exit.StderrNote()))
		}
	}
}

// started hands a new worker to the call that waits for it.
func (n *Nursery) started(m *pb.WorkerStarted) error {
	if err := n.ours(m); err != nil {
		return err
	}
	s := &spawned{
		pid: int(m.GetPid()), socket: m.GetSocket(), exited: make(chan struct{}), log: n.proc.runner.log,
		kills: countKills(), lostThreads: int(m.GetLostThreads()),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alive[m.GetPid()] = s
	o := n.next(m.GetWorkerIndex())
	if o == nil || o.abandoned {
		n.log.Debug("a worker came too late and is ended", "pid", s.pid)
		s.Kill()
		return nil
	}
	if s.own = o.log; s.own != nil {
		s.own.opened()
	}
	o.answer <- made{worker: s}
	return nil
}

var errNotItsWorker = errors.New("the plugin reported a worker that cannot be its own")

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

// end is called once, when the Spawn call has ended. Workers watch the lifeline of the nursery's group, so they end, too.
func (n *Nursery) end(cause error) {
	switch {
	// The stream's own context says nothing: gRPC cancels it however the call ends.
	case n.closed.Load():
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
	for _, orders := range n.orders {
		for _, o := range orders {
			o.answer <- made{err: &backbones.FatalError{Err: cause}}
		}
	}
	clear(n.orders)
	for pid, s := range n.alive {
		delete(n.alive, pid)
		s.Kill()
		exit := n.proc.runner.exit
		exit.Reason = "the process that had made it is gone"
		go s.end(exit)
	}
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
		s.own.end()
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
	if isClosed(s.exited) {
		return
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
		s.end(backbones.Exit{Code: -1, Reason: "the host killed it, and the process that had made it never reported its end"})
	})
}

// Stop waits for the exit of a worker that has ended its Run call, and kills it if it does not exit.
func (s *spawned) Stop() {
	waitOr(s.exited, stopTime, s.Kill)
	_ = s.conn.Close()
}

// connect connects to the worker and begins its Run call. If that fails, or ctx ends before, it kills the worker.
func (s *spawned) connect(ctx context.Context, limit time.Duration, messages *messageLog) (*runCall, error) {
	if isClosed(s.exited) {
		return nil, errors.New("a worker ended as soon as it was made")
	}
	opts := append(dialOptions(limit, messages), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
		}))
	conn, err := grpc.NewClient("passthrough:///worker", opts...)
	if err != nil {
		s.Kill()
		return nil, fmt.Errorf("connecting to a worker: %w", err)
	}
	s.conn = conn
	// The call begins once the worker's server has spoken.
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("its socket did not answer within %s; --start-timeout gives it longer", limit))
	defer cancel()
	letGo := context.AfterFunc(ctx, func() { _ = conn.Close() })
	call, err := beginRun(pb.NewPluginServiceClient(conn))
	if !letGo() {
		// The connection is closed, even if the call had begun.
		err = context.Cause(ctx)
	}
	if err != nil {
		if call != nil {
			call.cancel()
		}
		s.Kill()
		_ = conn.Close()
		return nil, fmt.Errorf("starting the Run call of a worker: %w", err)
	}
	return call, nil
}
