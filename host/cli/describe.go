package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// describe is `describe PLUGIN [TASK] [--json]`.
func (a *app) describe(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if s.Task == nil && s.wanted != "" {
		return s.needTask()
	}
	if !a.line.Empty() {
		return a.line.Unexpected("kagurazaka describe takes PLUGIN and TASK")
	}
	name := ""
	if s.Task != nil {
		name = s.Task.Name
	}
	if a.grammar.Describe.JSON && s.Task != nil && s.Project() != nil {
		task, _, err := s.Configured(ctx, s)
		if err != nil {
			return err
		}
		described := *s.Described
		described.Tasks = []schema.Task{task}
		return schema.DescribeJSON(a.out.JSON(), &described, name, job.BackboneArguments())
	}
	if a.grammar.Describe.JSON {
		return schema.DescribeJSON(a.out.JSON(), s.Described, name, job.BackboneArguments())
	}
	if s.Task != nil {
		return s.taskHelp(ctx)
	}
	return schema.DescribeText(a.streams.Out, s.Described, a.streams.Width())
}
