package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// runsItems are the commands that take the flags of a run.
var runsItems = []string{"run", "plan", "debug", "shard", "export", "config"}

// offer is what fits a word after others.
func (a *app) offer(ctx context.Context, before []string, typed string) offer {
	// The word may be the value of a flag that waits for one.
	waiting, err := a.line.ReadBefore(before)
	if err != nil {
		return offer{}
	}
	last := ""
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	command, isFlag := a.line.Command, strings.HasPrefix(typed, "-")
	if waiting != "" && job.Canonical(waiting) != "mixin" {
		if o, known := a.valuesOf(waiting); known {
			return o
		}
	}
	if argv.NamesRun(last) && !isFlag {
		// The run may be left out, and the plugin may follow.
		return offer{runCandidates(), true}
	}
	if isFlag && (!slices.Contains(runsItems, command) || !a.line.NamesPlugin()) {
		return offer{candidates: a.flagsOf(command, job.BackboneArguments())}
	}
	switch command {
	case "completion":
		return words(shells...)
	case "help":
		return offer{candidates: a.commands()}
	case "launch":
		if last == "launch" {
			return words(waysInOrder...)
		}
		return offer{}
	case "show":
		return offer{candidates: runCandidates()}
	case "runs", "work", "version":
		return offer{}
	case "new", "trust":
		return offer{files: true}
	case "init":
		if a.line.TakeWord() == "" {
			return offer{files: true}
		}
	}
	if !a.line.NamesPlugin() {
		o := offer{files: true}
		if len(before) == 0 {
			o.candidates = a.commands()
		}
		return o
	}
	s, err := a.openConfigured(ctx)
	if err != nil {
		return offer{files: true}
	}
	return s.offer(before, waiting, last, typed)
}

// openConfigured opens a plugin, and puts the values of the configuration into the task's template: another mode has other fields.
func (a *app) openConfigured(ctx context.Context) (*session, error) {
	s, err := a.open(ctx)
	if err != nil || s.Task == nil || s.Task.Kind == schema.Factory {
		return s, err
	}
	if task, _, err := s.Configured(ctx, s); err == nil {
		s.Task = &task
	}
	return s, nil
}

// offer is what fits a word on a line with a plugin.
func (s *session) offer(before []string, waiting, last, typed string) offer {
	isFlag := strings.HasPrefix(typed, "-")
	if job.Canonical(waiting) == "mixin" || inMixins(before) && !isFlag {
		return s.keys(before)
	}
	if isFlag {
		var o offer
		backbone := job.BackboneArguments()
		if s.Task != nil {
			o.candidates, backbone = flagCandidates(s.Task.Arguments), s.Backbone().Arguments()
		}
		o.candidates = append(o.candidates, s.flagsOf(s.Line.Command, backbone)...)
		return o
	}
	if s.Task == nil {
		// The task may be left out.
		o := offer{files: true}
		for _, t := range s.Described.Tasks {
			o.candidates = append(o.candidates, candidate{t.Name, t.Summary})
		}
		return o
	}
	if argument := s.Task.Argument(last); argument != nil && strings.HasPrefix(last, "-") && argument.Arity != "0" {
		return argumentValues(argument)
	}
	o := offer{files: true}
	if s.Implied() && len(s.Folders()) == 0 {
		// The name may be given all the same.
		o.candidates = []candidate{{s.Task.Name, s.Task.Summary}}
	}
	return o
}

// assigned is what fits behind the = of --flag=value, or of KEY=VALUE behind --mixin; false: the word is neither.
func (a *app) assigned(ctx context.Context, before []string, typed string) (offer, bool) {
	name, _, has := strings.Cut(typed, "=")
	isFlag := strings.HasPrefix(typed, "--")
	if !has || !isFlag && !inMixins(before) {
		return offer{}, false
	}
	if _, err := a.line.ReadBefore(before); err != nil {
		return offer{}, true
	}
	if isFlag {
		if o, known := a.valuesOf(name); known {
			return o, true
		}
	}
	if !a.line.NamesPlugin() {
		return offer{}, true
	}
	s, err := a.openConfigured(ctx)
	if err != nil || s.Task == nil {
		return offer{files: true}, true
	}
	if !isFlag {
		return s.valuesOfKey(name), true
	}
	if argument := s.Task.Argument(name); argument != nil {
		return argumentValues(argument), true
	}
	return offer{files: true}, true
}

// valuesOf are the values of a flag of the host or of a backbone; false: it is neither.
func (a *app) valuesOf(flag string) (offer, bool) {
	name := strings.TrimPrefix(job.Canonical(flag), "kg-")
	for _, f := range slices.Concat(a.node().Flags, a.parser.Model.Flags) {
		if strings.TrimPrefix(f.Name, "kg-") != name && (f.Short == 0 || flag != "-"+string(f.Short)) {
			continue
		}
		placeholder, _, _ := strings.Cut(f.PlaceHolder, "|")
		switch {
		case f.Enum != "":
			return words(f.EnumSlice()...), true
		case name == "from" || argv.NamesRun(flag):
			return offer{runCandidates(), name == "from"}, true
		case slices.Contains([]string{"FILE", "PATH", "DIR", "EXE"}, placeholder):
			return offer{files: true}, true
		}
		return offer{}, true
	}
	for _, f := range job.BackboneFlags() {
		if job.Canonical(f.Name) == name {
			return words(f.Words...), true
		}
	}
	return offer{}, false
}

// argumentValues are the values of an argument of a task.
func argumentValues(argument *schema.Argument) (o offer) {
	for _, c := range argument.Choices {
		o.candidates = append(o.candidates, candidate{text: fmt.Sprint(c)})
	}
	o.files = len(o.candidates) == 0 && (argument.Type == schema.String || argument.Type == schema.Custom)
	return o
}

func (a *app) commands() (out []candidate) {
	for _, n := range a.parser.Model.Children {
		if !n.Hidden {
			out = append(out, candidate{n.Name, n.Help})
		}
	}
	return out
}

// flagsOf are the flags of a command. Those of a backbone are for the commands that take the flags of a run.
func (a *app) flagsOf(command string, backbone []schema.Argument) []candidate {
	out := []candidate{{"--help", "Show the help"}}
	if slices.Contains(runsItems, command) {
		all := func(*kong.Flag) bool { return true }
		out = append(out, candidate{"-h", "Show the help"}, candidate{"-hb", "Show the flags of the task's workers"}, candidate{"-hk", "Show all flags"})
		if command != "run" || a.grammar.DryRun {
			out = append(out, flagCandidates(argumentsOf(a.node().Flags, all))...)
		}
		out = append(out, flagCandidates(argumentsOf(a.parser.Model.Flags, all))...)
		return append(out, flagCandidates(backbone)...)
	}
	page := manualOf(a.parser).command(command)
	for _, section := range page.Sections {
		out = append(out, flagCandidates(section.Arguments)...)
	}
	return out
}

// flagCandidates are the long flags of arguments. Of two spellings that differ in hyphens alone it is the one with hyphens.
func flagCandidates(arguments []schema.Argument) (out []candidate) {
	for _, arg := range arguments {
		for _, flag := range arg.Flags {
			hyphens := "--" + strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "_", "-")
			if strings.HasPrefix(flag, "--") && (flag == hyphens || !slices.Contains(arg.Flags, hyphens)) {
				out = append(out, candidate{flag, arg.Help})
			}
		}
	}
	return out
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

// key is a key of the task's template.
type key struct {
	path string
	spec template.FieldSpec
}

// keys are the keys that fit behind --mixin, but for those that the line has already.
func (s *session) keys(before []string) (o offer) {
	for _, k := range s.templateKeys() {
		if !slices.ContainsFunc(before, func(word string) bool { return strings.HasPrefix(word, k.path+"=") }) {
			o.candidates = append(o.candidates, candidate{k.path + "=", k.spec.Help})
		}
	}
	return o
}

// valuesOfKey are the values of a key.
func (s *session) valuesOfKey(path string) (o offer) {
	for _, mode := range template.SpecsOfRole(strings.TrimSuffix(path, ".mode")) {
		o.candidates = append(o.candidates, candidate{mode.Name, mode.Help})
	}
	for _, k := range s.templateKeys() {
		if k.path != path {
			continue
		}
		switch k.spec.Type {
		case template.TypePath, template.TypePaths:
			o.files = true
		case template.TypeBool:
			return words("true", "false")
		default:
			o.candidates = append(o.candidates, words(k.spec.Choices...).candidates...)
		}
	}
	return o
}

func (s *session) templateKeys() (keys []key) {
	if s.Task == nil || s.Task.Template == nil {
		return nil
	}
	for _, top := range s.Task.Template.Fields {
		keys = append(keys, keysOf(top.Name, template.FieldSpec{Name: top.Name, Help: top.Help}, top.Value)...)
	}
	return keys
}

// keysOf are the keys of a template's field, or of the fields of the mode in it.
func keysOf(path string, spec template.FieldSpec, value *template.Node) (keys []key) {
	if value.Kind != template.KindMode {
		return []key{{path, spec}}
	}
	mode, _ := template.SpecOf(value.Mode)
	for _, f := range value.Fields {
		known, ok := mode.Field(f.Name)
		if !ok {
			known.Name, known.Help = f.Name, f.Help
		}
		keys = append(keys, key{path + "." + f.Name, known})
		if known.Type == template.TypeModes && f.Value.Kind == template.KindList {
			for i, one := range f.Value.List {
				keys = append(keys, keysOf(fmt.Sprintf("%s.%s.%d", path, f.Name, i), template.FieldSpec{Help: spec.Help}, one)...)
			}
		}
	}
	return keys
}
