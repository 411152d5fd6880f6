package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// initConfig is `init FILE PLUGIN [TASK]`: it writes a commented configuration file, with the values that a kagurazaka.yaml or --cfg has.
func (a *app) initConfig(ctx context.Context) error {
	path := a.line.TakeWord()
	if path == "" {
		return exitcode.Usagef("FILE: is missing; hint: write kagurazaka init FILE PLUGIN [TASK], with - for stdout")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := s.needTask(); err != nil {
		return err
	}
	task, given, err := s.Configured(ctx, s)
	if err := cmp.Or(err, s.Misconfigured()); err != nil {
		return err
	}
	if !a.line.Empty() {
		return a.line.Unexpected("kagurazaka init takes FILE, PLUGIN, TASK, IN and OUT")
	}
	var text bytes.Buffer
	if err := schema.Skeleton(&text, &task, s.command(), s.Backbone().Arguments(), given); err != nil {
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
		return exitcode.Usagef("%s: the file exists already; hint: --force overwrites it", path)
	}
	if err == nil {
		_, err = f.Write(text.Bytes())
		err = cmp.Or(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	p := &printer{w: a.streams.Out}
	p.line("wrote %s: fill it in, then run %s --cfg %s", path, s.command(), terminal.Quote(path))
	return p.err
}
