package plugin

import (
	"context"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Verdict is what a task's own parser says of an argument vector. The zero Verdict: it could not be asked.
type Verdict struct {
	// Refused is what is wrong with the arguments.
	Refused []Problem
	// Parsed says that the parser took them.
	Parsed bool
	// Unknown are words that it took without knowing them.
	Unknown []string
	// Ended says that the parser has answered by itself, with Output, and that nothing is to be run.
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
	for _, p := range resp.GetError().GetConfig().GetProblems() {
		v.Refused = append(v.Refused, Problem{Where: p.GetWhere(), Message: p.GetMessage(), Suggestion: p.GetSuggestion()})
	}
	if len(v.Refused) == 0 {
		err = taskError(call, resp.GetError())
	}
	return v, err
}
