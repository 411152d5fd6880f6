package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/schema"
)

// describe is `describe PLUGIN [TASK] [--json]`.
func (a *app) describe(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if s.task == nil && s.wanted != "" {
		return s.needTask()
	}
	name := ""
	if s.task != nil {
		name = s.task.Name
	}
	if a.grammar.Describe.JSON {
		return schema.DescribeJSON(a.out.JSON(), s.described, name, backboneArguments())
	}
	if s.task != nil {
		return s.taskHelp(ctx)
	}
	return schema.DescribeText(a.streams.Out, s.described, a.streams.Width())
}
