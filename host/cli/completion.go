package cli

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// completeCommand is what the completion scripts call: the words of the line so far, the last one being typed.
const completeCommand = "__complete"

// The scripts ask the host for candidates, a line each, a tab before a candidate's description. No candidates: the shell
// completes file names.
//
//go:embed completion
var completionScripts embed.FS

// completion is `completion SHELL`.
func (a *app) completion() error {
	shell := a.line.TakeWord()
	script, err := completionScripts.ReadFile("completion/kagurazaka." + shell)
	if err != nil {
		return exitcode.Usagef("SHELL: must be bash, zsh or fish, not %q", shell)
	}
	_, err = a.streams.Out.Write(script)
	return err
}

type candidate struct{ text, help string }

// complete prints candidates for the last of the words. A broken line has none.
func (a *app) complete(ctx context.Context, words []string) error {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	typed := words[len(words)-1]
	for _, c := range a.candidates(ctx, words[:len(words)-1], typed) {
		if !strings.HasPrefix(c.text, typed) {
			continue
		}
		if _, err := fmt.Fprintf(a.streams.Out, "%s\t%s\n", terminal.Line(c.text, maxWord), terminal.Line(firstSentence(c.help), maxName)); err != nil {
			return err
		}
	}
	return nil
}

// firstSentence is the part of a help text that fits beside a candidate.
func firstSentence(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	sentence, _, _ := strings.Cut(line, ". ")
	return strings.TrimSuffix(sentence, ".")
}

func (a *app) candidates(ctx context.Context, before []string, typed string) []candidate {
	// The word being typed may be the value of a flag that waits for one.
	waiting, err := a.line.ReadBefore(before)
	if err != nil {
		return nil
	}
	if values := a.hostValues(job.Canonical(waiting)); values != nil {
		return values
	}
	last := ""
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	command, isFlag, named := a.line.Command, strings.HasPrefix(typed, "-"), a.line.NamesPlugin()
	switch {
	case isFlag && (!named || command == "show" || command == "runs" || command == "trust" || command == "launch" || command == "new"):
		return a.hostFlagCandidates()
	case command == "launch" && last == "launch":
		return plainCandidates([]string{"slurm", "k8s", "ssh"})
	case command == "runs", command == "launch", command == "new":
		return nil
	case command == "show", argv.NamesRun(last) && !isFlag:
		return runCandidates()
	case !named && (len(before) == 0 || command == "help" && last == "help"):
		var out []candidate
		for _, n := range a.parser.Model.Children {
			out = append(out, candidate{n.Name, n.Help})
		}
		return out
	case !named, command == "trust":
		return nil
	case command == "init":
		a.line.TakeWord()
	}
	s, err := a.open(ctx)
	if err != nil {
		return nil
	}
	return s.pluginCandidates(before, waiting, last, typed)
}

// hostValues are the words that a flag of the host or of a backbone takes.
func (a *app) hostValues(flag string) []candidate {
	for _, f := range a.parser.Model.Flags {
		if f.Name == flag && f.Enum != "" {
			return plainCandidates(f.EnumSlice())
		}
	}
	for _, f := range job.BackboneFlags() {
		if job.Canonical(f.Name) == flag {
			return plainCandidates(f.Words)
		}
	}
	return nil
}

func plainCandidates(values []string) []candidate {
	var out []candidate
	for _, v := range values {
		out = append(out, candidate{text: v})
	}
	return out
}

func (a *app) hostFlagCandidates() []candidate {
	out := []candidate{{"-h", "the task's help"}, {"-hb", "the backbone's help"}, {"-hk", "the host's help"}}
	for _, f := range slices.Concat(a.parser.Model.Flags, a.node().Flags) {
		out = append(out, candidate{"--" + f.Name, f.Help})
	}
	return append(out, argumentCandidates(job.BackboneArguments())...)
}

func argumentCandidates(arguments []schema.Argument) []candidate {
	var out []candidate
	for _, arg := range arguments {
		for _, flag := range arg.Flags {
			if strings.HasPrefix(flag, "--") {
				out = append(out, candidate{flag, arg.Help})
			}
		}
	}
	return out
}

func (s *session) pluginCandidates(before []string, waiting, last, typed string) (out []candidate) {
	isFlag := strings.HasPrefix(typed, "-")
	switch {
	case job.Canonical(waiting) == "mixin", inMixins(before) && !isFlag:
		return s.mixinCandidates(typed)
	case s.Task == nil && isFlag:
		return s.hostFlagCandidates()
	case s.Task == nil:
		for _, t := range s.Described.Tasks {
			out = append(out, candidate{t.Name, t.Summary})
		}
		return out
	}
	if a := s.Task.Argument(last); a != nil && strings.HasPrefix(last, "-") && a.Arity != "0" {
		for _, c := range a.Choices {
			out = append(out, candidate{text: fmt.Sprint(c)})
		}
		return out
	}
	if isFlag {
		return append(argumentCandidates(s.Task.Arguments), s.hostFlagCandidates()...)
	}
	return nil
}

// inMixins reports whether the line ends in the values of a --mixin.
func inMixins(before []string) bool {
	for i := len(before) - 1; i >= 0; i-- {
		if before[i] == "--mixin" {
			return true
		}
		if !argv.IsAssignment(before[i]) {
			return false
		}
	}
	return false
}

func (s *session) mixinCandidates(typed string) []candidate {
	if s.Task == nil || s.Task.Template == nil {
		return nil
	}
	var out []candidate
	if field, _, assigned := strings.Cut(typed, "="); assigned {
		for _, mode := range template.SpecsOfRole(strings.TrimSuffix(field, ".mode")) {
			out = append(out, candidate{field + "=" + mode.Name, mode.Help})
		}
		return out
	}
	for _, top := range s.Task.Template.Fields {
		out = append(out, fieldCandidates(top.Name, top.Help, top.Value)...)
	}
	return out
}

// fieldCandidates are the assignments to a template's field, or to the fields of the mode in it.
func fieldCandidates(path, help string, value *template.Node) []candidate {
	if value.Kind != template.KindMode {
		return []candidate{{path + "=", help}}
	}
	var out []candidate
	spec, _ := template.SpecOf(value.Mode)
	for _, f := range value.Fields {
		known, ok := spec.Field(f.Name)
		if ok {
			f.Help = known.Help
		}
		out = append(out, candidate{path + "." + f.Name + "=", f.Help})
		if known.Type == template.TypeModes && f.Value.Kind == template.KindList {
			for i, mode := range f.Value.List {
				out = append(out, fieldCandidates(fmt.Sprintf("%s.%s.%d", path, f.Name, i), help, mode)...)
			}
		}
	}
	return out
}
