package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// initConfig is `init CFG PLUGIN TASK`: it writes a commented configuration file.
func (a *app) initConfig(ctx context.Context) error {
	path := a.line.TakeWord()
	if path == "" {
		return exitcode.Usagef("CFG is missing; hint: write kagurazaka init CFG PLUGIN TASK, with - for stdout")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := s.needTask(); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := schema.Skeleton(&text, s.Task, s.command(), s.Backbone().Arguments()); err != nil {
		return fmt.Errorf("writing a configuration for %s: %w", s.Task.Name, err)
	}
	if path == "-" {
		_, err := a.streams.Out.Write(text.Bytes())
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if a.grammar.Init.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exitcode.Usagef("%s exists already; hint: --force overwrites it", path)
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = f.Write(text.Bytes())
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = fmt.Fprintf(a.streams.Out, "wrote %s: fill it in, then run kagurazaka --cfg %s %s %s\n",
		terminal.Line(path, maxWord), terminal.Line(terminal.Quote(path), maxWord), terminal.Line(terminal.Quote(s.Found.Command.Name), maxWord),
		terminal.Line(terminal.Quote(s.Task.Name), maxWord))
	return err
}
