package cli

import (
	"context"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
)

// export is `export PLUGIN TASK …`: it writes the items of a run with the same flags, and starts no worker.
func (a *app) export(ctx context.Context) error {
	if err := a.refuse("export prints what is listed", "resume", "retry-failed"); err != nil && !a.grammar.Help {
		return err
	}
	a.program.Warm = &job.Warm{Log: a.log}
	defer a.program.Warm.Close()
	if a.line.Empty() && a.grammar.Export.From != "" {
		if err := a.refuse("without PLUGIN and TASK export lists nothing and prints all failed items", choosing...); err != nil {
			return err
		}
		x, err := a.exporter()
		if err != nil {
			return err
		}
		defer x.Close()
		return x.ExportFailed()
	}
	s, spec, err := a.openResolved(ctx)
	if err != nil {
		return err
	}
	x, err := a.exporter()
	if err != nil {
		return err
	}
	defer x.Close()
	if err := s.Export(ctx, spec, x); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return a.out.Err()
}

// exporter reads the flags of the command. A terminal gets clean text, and a pipe the bytes as they are.
func (a *app) exporter() (*job.Exporter, error) {
	if err := problem.Err(a.line.AsTyped(a.ofCommand())); err != nil {
		return nil, err
	}
	stdout := a.out.Raw()
	if a.streams.OutTerminal {
		stdout = a.streams.Out
	}
	return a.program.NewExporter(&a.grammar.Export.ExportFlags, stdout)
}
