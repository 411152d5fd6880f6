package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
)

// describer is discover.Describe or discover.Anew.
type describer func(context.Context, *discover.Plugin, string, string, []byte, discover.Options, plugin.StartOptions) (*discover.Description, error)

// unread is a command line as it was before a description was known.
type unread struct {
	split   split
	grammar grammar
	wanted  string
	opts    discover.Options
}

func (s *session) remember(opts discover.Options) {
	s.unread = unread{*s.split, s.grammar, s.wanted, opts}
	s.unread.split.rest = slices.Clone(s.split.rest)
}

// describeGuess describes the plugin and the task that the command line seems to name, and reads the command line as that
// task wants it.
func (s *session) describeGuess(ctx context.Context, describe describer) error {
	err := s.describeWith(ctx, s.unread.opts, s.wanted, nil, describe)
	var task *plugin.TaskError
	if errors.As(err, &task) && task.IsNoTask {
		// The guess was none of its tasks: ask what it has.
		err = s.describeWith(ctx, s.unread.opts, "", nil, describe)
	}
	if err != nil {
		return err
	}
	return s.choose()
}

// describeAnew replaces a kept description: what it says is wrong with a command line is not reported before the plugin
// was asked once more.
func (s *session) describeAnew(ctx context.Context) error {
	before := s.unread.split
	before.rest = slices.Clone(before.rest)
	s.app.split, s.app.grammar = &before, s.unread.grammar
	s.wanted, s.task, s.made = s.unread.wanted, nil, false
	s.found.Command = s.bare
	s.equip(s.unread.opts)
	return s.describeGuess(ctx, discover.Anew)
}

// errEarlier says that an argument is wrong by a description that was made by an earlier command.
var errEarlier = usage("by an earlier description")

// resolve merges configuration and command line into the task and reports everything that is wrong, at once.
func (s *session) resolve(ctx context.Context) (*resolved, error) {
	r, err := s.resolveAs(ctx)
	if !s.earlier || exitcode.Of(err) != exitcode.Usage {
		return r, err
	}
	if err := s.describeAnew(ctx); err != nil {
		return nil, err
	}
	s.equip(s.unread.opts)
	return s.resolveAs(ctx)
}
