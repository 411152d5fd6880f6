package job

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// FolderFlags are the folders of a run. They may be given once each: lists find a second one.
type FolderFlags struct {
	Input  []string `name:"input" short:"i" sep:"none" placeholder:"PATH" help:"The folder with the inputs: hard_shard_mode.input_path of NoHardShard. The word IN behind the task says the same."`
	Output []string `name:"output" short:"o" sep:"none" placeholder:"PATH" help:"The folder for the outputs: hard_shard_mode.output_path of NoHardShard. The word OUT behind the task says the same."`
}

// folder is one of the two folders, as the command line gives it.
type folder struct {
	flag, word, field string
	given             []string
}

func (f *FolderFlags) both() []folder {
	return []folder{
		{"--input", "IN", schema.InputFolder, f.Input},
		{"--output", "OUT", schema.OutputFolder, f.Output},
	}
}

// fill reads the folders that the command line gives, by two words or by flags, and loads the configuration again with them.
func (s *Session) fill(line Line) {
	if s.Task == nil {
		return
	}
	words, flags := line.Folders(), s.Flags.both()
	if len(words) == 0 && len(s.Flags.Input)+len(s.Flags.Output) == 0 {
		return
	}
	tree, _ := s.Template()
	given, problems := s.words(line, words, tree)
	worded := len(given) > 0
	for _, f := range flags {
		text, wrong := s.flagged(f, tree, worded)
		if problems = append(problems, wrong...); text != nil {
			given = append(given, *text)
		}
	}
	if s.folders = given; len(given) > 0 {
		s.Config, s.problems = s.load()
	}
	s.problems, s.misplaced = append(s.problems, problems...), len(problems) > 0
}

// words are IN and OUT as words without a flag, which the task does not get.
func (s *Session) words(line Line, words []string, tree *template.Node) (given []config.Text, problems []problem.Problem) {
	if len(words) == 0 {
		return nil, nil
	}
	name, open := s.commandOf(line), s.Task.TakesFolders(tree)
	if noRun := s.notRun(line, words); noRun != nil && (line.Implied() || open) && (!open || len(words) != 2) {
		line.TakeFolders()
		return nil, []problem.Problem{*noRun}
	}
	switch {
	case !open && line.Implied() && len(words) == 2 && s.given(tree) != "":
		line.TakeFolders()
		return nil, []problem.Problem{{Source: quoted(words), Message: "these words cannot be the folders IN and OUT: " + s.given(tree),
			Suggestion: winning(words)}}
	case !open && line.Implied():
		// Without folders to fill, the first word was meant for a task.
		line.TakeFolders()
		return nil, []problem.Problem{{Message: s.NoTask(words[0]).Error()}}
	case !open:
		// The task's own parser says what it thinks of them.
		if hard := tree.Get(template.RoleHardShard); !hard.IsNull() && !hard.Custom && hard.ModeName() == "HardShardModeV1" {
			s.unfilled = fmt.Sprintf("HardShardModeV1 takes no IN and OUT: it needs %s and %s, given with --mixin", needs("input_path"), needs("output_path"))
		} else if why := s.given(tree); why != "" && len(words) == 2 {
			s.unfilled = why + ", so IN and OUT cannot be words; " + winning(words)
		}
		return nil, nil
	}
	line.TakeFolders()
	wrong := problem.Problem{Source: quoted(words)}
	switch {
	case len(words) == 2:
		for i, f := range s.Flags.both() {
			if words[i] == "" {
				problems = append(problems, problem.Problem{Source: f.word, Message: "the word is empty", Suggestion: "write . for the working folder"})
				continue
			}
			given = append(given, config.Text{Path: f.field, Text: words[i], Source: f.word})
		}
		return given, problems
	case len(words) > 2:
		wrong.Message = fmt.Sprintf("these are %d words, and %s takes only the two folders IN and OUT", len(words), s.Task.Name)
		wrong.Suggestion = "write " + name + " IN OUT; a path with spaces or * needs quotes"
	case len(s.Flags.Input) > 0:
		wrong.Message = "--input gives the folder of the inputs already, so this word is one too many"
		wrong.Suggestion = "for the folder of the outputs, write --output " + terminal.Quote(words[0])
	case len(s.Flags.Output) > 0:
		wrong.Message = "OUT is missing beside IN: IN and OUT are two words"
		wrong.Suggestion = "beside --output, write --input " + terminal.Quote(words[0])
	default:
		wrong.Message = "the folder for the outputs, OUT, is missing"
		wrong.Suggestion = "write " + name + " " + terminal.Quote(words[0]) + " OUT"
	}
	return nil, []problem.Problem{wrong}
}

// notRun is the problem of a word that was meant for a run, behind --resume; nil: none of the words was.
func (s *Session) notRun(line Line, words []string) *problem.Problem {
	for _, word := range words {
		if _, err := os.Lstat(word); err == nil {
			continue
		}
		if noRun := line.NoRun(word); noRun != nil {
			return noRun
		}
	}
	return nil
}

// given says which of the folders of a NoHardShard is not open; empty: it is another mode.
func (s *Session) given(tree *template.Node) string {
	hard := tree.Get(template.RoleHardShard)
	if hard.IsNull() || hard.Custom || hard.ModeName() != schema.PlainFolders {
		return ""
	}
	for _, f := range s.Flags.both() {
		n := hard.Get(strings.TrimPrefix(f.field, template.RoleHardShard+"."))
		switch {
		case n == nil || n.Kind == template.KindPlaceholder:
		case n.Origin == "":
			return "the task itself sets " + f.field
		default:
			return f.field + " is given by " + n.Origin
		}
	}
	return ""
}

// winning says how two words are the folders in any case.
func winning(words []string) string {
	return "--input " + terminal.Quote(words[0]) + " --output " + terminal.Quote(words[1]) + " win over a configuration and the task's own folders"
}

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = terminal.Quote(word)
	}
	return strings.Join(all, " ")
}

// flagged is the folder that a flag gives; nil: none. worded: words give both.
func (s *Session) flagged(f folder, tree *template.Node, worded bool) (*config.Text, []problem.Problem) {
	if len(f.given) == 0 {
		return nil, nil
	}
	hard := tree.Get(template.RoleHardShard)
	value, key := f.given[0], strings.TrimPrefix(f.field, template.RoleHardShard+".")
	wrong := problem.Problem{Source: f.flag + " " + terminal.Quote(value)}
	origin := ""
	if n := hard.Get(key); n != nil {
		origin = n.Origin
	}
	twice := ""
	switch {
	case len(f.given) > 1:
		wrong.Message, wrong.Suggestion = "this folder is given twice: as "+terminal.Quote(value)+" and as "+terminal.Quote(f.given[1]), "leave one of them out"
		return nil, []problem.Problem{wrong}
	case worded:
		twice = "the word " + f.word
	case strings.HasPrefix(origin, "--mixin "):
		twice = origin
	}
	switch {
	case twice != "":
		wrong.Message, wrong.Suggestion = twice+" gives this folder, too", "leave one of them out"
	case s.Task.Kind == schema.Factory || tree == nil:
		wrong.Message = s.Task.Name + " has no template, so it has no folders that the host knows"
		wrong.Suggestion = "its own arguments may say where its files are: see its -h"
	case hard.IsNull():
		wrong.Message = "the template has no hard_shard_mode, which would have the folder"
		wrong.Suggestion = "--mixin hard_shard_mode.mode=NoHardShard " + f.field + "=" + terminal.Quote(value) + " gives it one"
	case hard.Kind == template.KindPlaceholder:
		wrong.Message = "hard_shard_mode is still to be chosen"
		wrong.Suggestion = "--mixin hard_shard_mode.mode=NoHardShard " + f.field + "=" + terminal.Quote(value)
	case hard.Custom:
		wrong.Message = fmt.Sprintf("%s is a mode of the plugin's own, which says where the folders are", hard.Mode)
		wrong.Suggestion = "--mixin hard_shard_mode.FIELD=VALUE sets its fields"
		if names := fieldNames(hard); len(names) > 0 {
			wrong.Suggestion += ": " + strings.Join(names, ", ")
		}
	case hard.ModeName() != schema.PlainFolders:
		wrong.Message = fmt.Sprintf("%s needs %s", hard.ModeName(), needs(key))
		wrong.Suggestion = "give them with --mixin, or write --mixin hard_shard_mode.mode=NoHardShard for two plain folders"
	default:
		return &config.Text{Path: f.field, Text: value, Source: f.flag}, nil
	}
	return nil, []problem.Problem{wrong}
}

func fieldNames(n *template.Node) (names []string) {
	for _, f := range n.Fields {
		names = append(names, f.Name)
	}
	return names
}

// needs are the fields of HardShardModeV1 that stand for a field of NoHardShard.
func needs(key string) string {
	names := "base_input_path=… input_name=…"
	if key == "output_path" {
		names = "base_output_path=… output_name=…"
	}
	return template.RoleHardShard + "." + names
}

// commandOf is the command line up to the task, as the user writes it.
func (s *Session) commandOf(line Line) string {
	words := []string{s.Found.Command.Name}
	if !line.Implied() {
		words = append(words, s.Task.Name)
	}
	return terminal.Command(words)
}

// NoTask is the error for a word that is none of the plugin's tasks; empty: there is no such word.
func (s *Session) NoTask(wanted string) error {
	var names []string
	for _, t := range s.Described.Tasks {
		names = append(names, t.Name)
	}
	if len(names) == 0 {
		hint := ""
		if filepath.Ext(s.Found.Path) == ".py" {
			hint = "decorate a class with @task(…)"
		}
		return exitcode.Usagef("%s: it has no task%s", s.Found.Command.Name, problem.Hint(hint))
	}
	if info, err := os.Stat(wanted); err == nil && info.IsDir() && len(names) > 1 {
		return exitcode.Usagef("%s: TASK is missing, and %s is a folder; hint: write %s TASK %s OUT, where TASK is one of %s",
			s.Found.Command.Name, terminal.Quote(wanted), terminal.Command([]string{s.Found.Command.Name}), terminal.Quote(wanted), strings.Join(names, ", "))
	}
	has := "it has " + strings.Join(names, ", ")
	if wanted == "" {
		return exitcode.Usagef("%s: TASK is missing; hint: %s", s.Found.Command.Name, has)
	}
	return exitcode.Usagef("%s: no task %q%s", s.Found.Command.Name, wanted, problem.Hint(problem.Near(wanted, names), has))
}

// shortForm puts the short form into the hints about folders that are still to be given.
func (s *Session) shortForm(line Line, tree *template.Node, problems []problem.Problem) []problem.Problem {
	if s.misplaced {
		// What is wrong with them is said already.
		return slices.DeleteFunc(problems, func(p problem.Problem) bool {
			return p.Open && (p.Path == schema.InputFolder || p.Path == schema.OutputFolder)
		})
	}
	words := s.Task.TakesFolders(tree)
	for i, p := range problems {
		for _, f := range s.Flags.both() {
			switch {
			case !p.Open || p.Path != f.field:
			case words:
				problems[i].Suggestion = fmt.Sprintf("write %s IN OUT, or %s", s.commandOf(line), p.Suggestion)
			case tree.Get(template.RoleHardShard).ModeName() == schema.PlainFolders:
				problems[i].Suggestion = fmt.Sprintf("write %s PATH, or %s", line.Spelling(strings.TrimPrefix(f.flag, "--")), p.Suggestion)
			}
		}
	}
	return problems
}

// checkFolder looks for the folder of the inputs that the command line gives, before anything is started.
func (s *Session) checkFolder(t *template.Template) error {
	given := false
	for _, text := range s.folders {
		given = given || text.Path == schema.InputFolder
	}
	if !given || t == nil || !t.Input.NeedsFolder() || s.Flags.RetryFailed != "" || s.Task.Has("open_first") {
		return nil
	}
	if err := plan.CheckInputs(t); err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	return nil
}

// checkOver keeps outputs from being written over inputs where both have one folder. It is an error if the command line gives a folder by a
// word or a flag of its own; with --mixin or a configuration it is a warning, since kagurazaka 0.1.1 ran such lines.
func (s *Session) checkOver(t *template.Template) error {
	why := plan.OverInputs(t)
	if why == "" {
		return nil
	}
	if len(s.folders) == 0 {
		s.Log.Warn("the inputs and the outputs have the same folder: " + why)
		return nil
	}
	names := []string{schema.InputFolder, schema.OutputFolder}
	for _, text := range s.folders {
		names[slices.Index(names, text.Path)] = text.Source
	}
	return problem.Err([]problem.Problem{{
		Message:    fmt.Sprintf("%s and %s are the same folder: %s", names[0], names[1], why),
		Suggestion: "choose another OUT, or write the folders with --mixin",
	}})
}
