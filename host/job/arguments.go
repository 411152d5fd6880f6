package job

import (
	"context"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// judged is an argument vector and its problems.
type judged struct {
	config.Arguments
	// problems are those of the configuration. No parser is asked about them.
	problems []problem.Problem
	// objections are those of the host's check. The task's own parser may disagree.
	objections []problem.Problem
	// typos are flags of an open task that are probably the host's. They stand unless the parser knows them.
	typos []problem.Problem
	// ends: a flag is given that the parser answers, such as --version.
	ends bool
}

func (j *judged) sound() bool { return len(j.objections)+len(j.typos) == 0 && !j.ends }

// errEarlier is about an argument that is wrong by an earlier command's description.
var errEarlier = exitcode.Usagef("by an earlier description")

// arguments returns the task's argument vector and its problems. If the host's check objects, the task's own parser decides where it can.
func (s *Session) arguments(ctx context.Context, line Line) (config.Arguments, []problem.Problem, error) {
	var all []*judged
	for _, words := range line.Words() {
		j := s.judge(line, words)
		if len(j.objections) == 0 {
			all = []*judged{j}
			break
		}
		all = append(all, j)
	}
	last := all[len(all)-1]
	switch {
	case last.sound():
		return last.Arguments, last.problems, nil
	case s.Earlier:
		return last.Arguments, nil, errEarlier
	case !s.Task.Has(schema.Checks):
		return last.Arguments, slices.Concat(last.problems, last.objections, last.typos), nil
	}
	mixin, err := s.mixin()
	if err != nil {
		return last.Arguments, nil, err
	}
	var refused []problem.Problem
	for _, j := range all {
		verdict, err := s.ask(ctx, j.Args, mixin)
		switch {
		case err != nil:
			return j.Arguments, nil, err
		case verdict.Ended:
			return j.Arguments, nil, line.Answer(verdict.Output)
		case len(verdict.Refused) == 0:
			j.keepUnknown(verdict)
			return j.Arguments, slices.Concat(j.problems, j.typos), nil
		}
		refused = slices.Concat(j.problems, s.refusal(j, verdict.Refused), j.typos)
	}
	return last.Arguments, refused, nil
}

// judge makes the argument vector of the task's words and the configuration, and checks it.
func (s *Session) judge(line Line, words []string) *judged {
	j := &judged{}
	var host []string
	for _, f := range s.Backbone().Flags() {
		host = append(host, f.Name)
	}
	j.Arguments, j.problems = s.Config.Arguments(schema.Spell(s.Task, words), host, s.Task)
	if s.Task.OpenArguments {
		j.typos = line.Typos(j.Undeclared)
	} else {
		j.objections = j.Undeclared
	}
	known := map[string]bool{}
	for _, p := range j.objections {
		known["--"+p.Path] = true
	}
	for _, p := range j.Locate(schema.Validate(s.Task, j.Args)) {
		if !known[p.Path] {
			j.objections = append(j.objections, p)
		}
	}
	for _, list := range [][]problem.Problem{j.problems, j.objections} {
		for i, p := range list {
			list[i] = line.Explain(p)
		}
	}
	j.ends = schema.Ends(s.Task, j.Args)
	return j
}

// keepUnknown keeps the typos that the parser accepted without knowing them, or could not be asked about.
func (j *judged) keepUnknown(v plugin.Verdict) {
	if !v.Parsed {
		return
	}
	j.typos = slices.DeleteFunc(j.typos, func(p problem.Problem) bool {
		return !slices.ContainsFunc(v.Unknown, func(word string) bool {
			flag, _, _ := strings.Cut(word, "=")
			return flag == p.Path || flag == "--"+p.Path
		})
	})
}

// refusal returns the problems of arguments that the parser refuses. The parser gives one reason. Where the host objects to the same, its
// objections say more: where each was written, what was meant, and all of them at once.
func (s *Session) refusal(j *judged, refused []problem.Problem) []problem.Problem {
	var told []problem.Problem
	named := map[string]bool{}
	for _, r := range refused {
		for _, part := range strings.Split(r.Path, "/") {
			named[part] = true
			if strings.HasPrefix(part, "--") {
				r.Path = part
			}
		}
		for _, word := range strings.FieldsFunc(r.Message, func(c rune) bool { return c == ' ' || c == ',' }) {
			flag, _, _ := strings.Cut(word, "=")
			named[flag] = true
		}
		told = append(told, r)
	}
	confirmed := func(p problem.Problem) bool {
		a := s.Task.Argument(p.Path)
		return named[p.Path] || named["--"+p.Path] || a != nil && slices.ContainsFunc(a.Flags, func(f string) bool { return named[f] }) ||
			a != nil && named[a.Name]
	}
	elsewhere := !slices.ContainsFunc(j.objections, confirmed)
	if !elsewhere {
		told = nil
	}
	for _, p := range j.objections {
		a, flag := s.Task.Argument(p.Path), p.Path
		if !strings.HasPrefix(flag, "-") {
			flag = "--" + flag
		}
		switch {
		// The parser stopped at something else, and may accept this.
		case elsewhere && !s.Task.Unknown(flag):
		// A custom type may turn the value into one of the choices.
		case a != nil && a.Type == schema.Custom && !confirmed(p):
		default:
			told = append(told, p)
		}
	}
	return j.Locate(told)
}

// ask asks the task's own parser about an argument vector, in the process that the run continues with where there is one.
func (s *Session) ask(ctx context.Context, args []string, mixin []byte) (plugin.Verdict, error) {
	proc := s.Warm.look(s.Found.Command)
	if proc == nil {
		start, warm := s.startOptions(), s.Warm
		var err error
		if warm == nil || start.MTLS {
			warm = &Warm{Log: s.Log}
			defer warm.Close()
			start.RuntimeDir, err = warm.RuntimeDir()
		} else {
			start, err = warm.options(start)
		}
		if err == nil {
			proc, err = plugin.Start(ctx, s.Found.Command, start)
		}
		if err != nil {
			return plugin.Verdict{}, err
		}
		warm.keep(proc, s.Found.Command)
	}
	return proc.Check(ctx, s.Task.Name, args, mixin)
}
