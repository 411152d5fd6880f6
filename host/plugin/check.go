package plugin

import (
	"context"
	"errors"

	"github.com/kagurazaka/kagurazaka/host/problem"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Verdict is a task's own parser's answer to an argument vector. The zero Verdict: there is no answer.
type Verdict struct {
	// Refused are the problems of the arguments.
	Refused []problem.Problem
	// Parsed: the parser accepted them.
	Parsed bool
	// Unknown are words that it accepted without knowing them.
	Unknown []string
	// Ended: the parser itself has answered, with Output, and nothing is to be run.
	Ended  bool
	Output string
}

// Check asks the task's own parser about an argument vector. It is for tasks with the capability "check".
func (p *Process) Check(ctx context.Context, task string, args []string, mixinJSON []byte) (Verdict, error) {
	call := "checking the arguments of " + task
	ctx, cancel := withOpenTimeout(ctx, p.openTimeout)
	defer cancel()
	resp, err := p.service.Check(ctx, &pb.CheckRequest{Task: task, Args: args, MixinJson: mixinJSON})
	if err != nil {
		return Verdict{}, p.callError(ctx, call, err)
	}
	v := Verdict{Parsed: resp.GetParsed(), Unknown: resp.GetUnknown(), Ended: resp.GetEnded() != nil, Output: resp.GetEnded().GetOutput()}
	err = taskError(call, resp.GetError())
	if refused, ok := errors.AsType[*TaskError](err); ok && len(refused.Problems) > 0 {
		v.Refused, err = refused.Problems, nil
	}
	return v, err
}
