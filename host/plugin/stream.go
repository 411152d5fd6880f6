package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// stream is a process with the task opened in it and its Run stream: requests go in, and each has one answer.
type stream[Q, A any] struct {
	proc   process
	codec  codec[Q, A]
	queue  chan Q
	result chan A
	cancel context.CancelFunc

	// mu guards the closing of the queue: a stream that breaks closes it while the run may be sending.
	mu       sync.Mutex
	finished bool
	// end is how the stream ended, beside the end of the process. It is set before the results are closed.
	end backbones.Exit
}

var (
	errBusy = errors.New("the worker has as much as it may have")
	errGone = errors.New("the worker takes nothing more")
)

// codec converts requests and answers to and from messages.
type codec[Q, A any] struct {
	request func(Q) *pb.RunRequest
	answer  func(*pb.RunResponse) A
	// answers reports whether a message has an answer in it.
	answers func(*pb.RunResponse) bool
	// end is called once the process has ended, before the results are closed; may be nil.
	end func()
}

// runCall is a Run call that has begun. It lasts until cancel is called, whatever becomes of the context of its start.
type runCall struct {
	pb.PluginService_RunClient
	cancel context.CancelFunc
}

func beginRun(service pb.PluginServiceClient) (*runCall, error) {
	ctx, cancel := context.WithCancel(context.Background())
	call, err := service.Run(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	return &runCall{call, cancel}, nil
}

func newStream[Q, A any](call *runCall, proc process, w codec[Q, A]) *stream[Q, A] {
	s := &stream[Q, A]{
		proc: proc, codec: w, cancel: call.cancel,
		queue: make(chan Q, backbones.MaxInFlight), result: make(chan A, backbones.MaxInFlight),
	}
	go s.send(call)
	go s.receive(call)
	return s
}

func (s *stream[Q, A]) PID() int     { return s.proc.PID() }
func (s *stream[Q, A]) Name() string { return fmt.Sprintf("pid %d", s.PID()) }

// LostThreads is the number of threads of the process that the worker was forked from; 0 for a worker that was not forked.
func (s *stream[Q, A]) LostThreads() int {
	if forked, ok := s.proc.(*spawned); ok {
		return forked.lostThreads
	}
	return 0
}

func (s *stream[Q, A]) Send(q Q) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return errGone
	}
	select {
	case s.queue <- q:
		return nil
	default:
		return errBusy
	}
}

func (s *stream[Q, A]) Results() <-chan A { return s.result }

func (s *stream[Q, A]) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		s.finished = true
		close(s.queue)
	}
}

func (s *stream[Q, A]) Kill() {
	s.proc.Kill()
	// A process that cannot die (in an uninterruptible read, say) must not keep the stream open.
	s.cancel()
}

func (s *stream[Q, A]) Exit() backbones.Exit {
	exit := s.proc.exitStatus()
	exit.Ended, exit.Close = s.end.Ended, s.end.Close
	if s.end.Reason != "" {
		exit.Reason, exit.Rule = s.end.Reason, s.end.Rule
	}
	return exit
}

func (s *stream[Q, A]) send(call pb.PluginService_RunClient) {
	for q := range s.queue {
		if err := call.Send(s.codec.request(q)); err != nil {
			// The receiver gets the reason. Queued requests are never sent; the planner takes them back.
			for range s.queue {
				continue
			}
			return
		}
	}
	_ = call.CloseSend()
}

// receive passes answers on until the stream ends, and then waits for the end of the process.
func (s *stream[Q, A]) receive(call pb.PluginService_RunClient) {
	defer close(s.result)
	defer s.cancel()
	defer s.Finish()
	for {
		resp, err := call.Recv()
		if err != nil {
			s.leave(err)
			return
		}
		if what, rule := s.outOfPlace(resp); what != "" {
			s.end.Reason, s.end.Rule = what, rule
			s.proc.Kill()
			s.sendOff()
			return
		}
		if e := resp.GetCloseError(); e != nil {
			// The stack is in the plugin's log.
			s.end.Close = taskError("closing the task", &pb.Error{Message: e.GetMessage()})
			continue
		}
		s.result <- s.codec.answer(resp)
	}
}

// outOfPlace returns how a message breaks the order of the protocol, and the section of docs/protocol.md with the rule; empty: it does
// not.
func (s *stream[Q, A]) outOfPlace(resp *pb.RunResponse) (what, rule string) {
	closing, answers := resp.GetCloseError() != nil, resp.GetResult() != nil || resp.GetBatch() != nil
	switch {
	case s.end.Close != nil:
		return "it sent a message after its close_error", "Closing"
	case closing && answers:
		return "it sent a close_error and an answer in one message", "Closing"
	case closing && s.unasked():
		return "it sent a close_error before the host had ended its side of the Run call", "Closing"
	case !closing && !s.codec.answers(resp):
		return "it sent a message without an answer of its stage", "Run"
	}
	return "", ""
}

// unasked reports whether the plugin ended the stream before the host closed its side.
func (s *stream[Q, A]) unasked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.finished
}

func (s *stream[Q, A]) leave(cause error) {
	s.end.Ended = errors.Is(cause, io.EOF)
	switch {
	case !s.end.Ended:
		// The stream broke, most often because the process died: give it the moment that its own end takes, so that
		// its exit code is not hidden by our signal.
		waitOr(s.proc.Exited(), stopTime, func() {
			s.end.Reason, s.end.Rule = brokenStream(cause)
			s.proc.Kill()
		})
	case s.unasked():
		// Most often that is all it does before it leaves: how it leaves says no more.
		s.end.Reason, s.end.Rule = "it ended its Run call, which the host had not ended", "Run"
	}
	s.sendOff()
}

// sendOff waits for the end of the process.
func (s *stream[Q, A]) sendOff() {
	s.proc.Stop()
	if s.codec.end != nil {
		s.codec.end()
	}
}

// addLog adds the end of the process's log to failures.
func addLog(proc process, failures []backbones.ItemFailure) {
	if len(failures) == 0 {
		return
	}
	log := proc.logTail()
	for i := range failures {
		failures[i].Failure.Log = log
	}
}
