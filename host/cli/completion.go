package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/job"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// completeCommand is what the completion scripts call: the words of the line so far, the last one being typed.
const completeCommand = "__complete"

// The scripts ask the host for candidates, a line each, a tab before a candidate's description. No candidates: the shell
// completes file names.
var completionScripts = map[string]string{
	"bash": `# kagurazaka completion for bash: source <(kagurazaka completion bash)
_kagurazaka() {
  local cur words line
  cur="${COMP_WORDS[COMP_CWORD]}"
  words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    line="${line%%$'\t'*}"
    [[ "$line" == "$cur"* ]] && COMPREPLY+=("$line")
  done < <(kagurazaka __complete -- "${words[@]}" 2>/dev/null)
  [[ "${COMPREPLY[0]-}" == *= ]] && compopt -o nospace
  return 0
}
complete -o default -F _kagurazaka kagurazaka
`,
	"zsh": `#compdef kagurazaka
# kagurazaka completion for zsh: source <(kagurazaka completion zsh)
_kagurazaka() {
  local -a plain assign
  local line value
  while IFS= read -r line; do
    value="${line%%$'\t'*}"
    if [[ "$value" == *= ]]; then assign+=("$value"); else plain+=("$value"); fi
  done < <(kagurazaka __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#plain} + ${#assign} )); then
    (( ${#plain} )) && compadd -a plain
    (( ${#assign} )) && compadd -S '' -a assign
  else
    _files
  fi
}
compdef _kagurazaka kagurazaka
`,
	"fish": `# kagurazaka completion for fish: kagurazaka completion fish | source
function __kagurazaka_complete
  set -l words (commandline -opc) (commandline -ct)
  kagurazaka __complete -- $words[2..-1] 2>/dev/null
end
complete -c kagurazaka -a '(__kagurazaka_complete)'
`,
}

// completion is `completion SHELL`.
func (a *app) completion() error {
	shell := a.takeWord()
	script, ok := completionScripts[shell]
	if !ok {
		return usage("completion for which shell? bash, zsh or fish")
	}
	_, err := io.WriteString(a.streams.Out, script)
	return err
}

type candidate struct{ text, help string }

// complete prints candidates for the last of the words. It never fails loudly: a broken line has no candidates.
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

// firstSentence is as much of a help text as has a place beside a candidate.
func firstSentence(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	sentence, _, _ := strings.Cut(line, ". ")
	return strings.TrimSuffix(sentence, ".")
}

func (a *app) candidates(ctx context.Context, before []string, typed string) []candidate {
	a.args = before
	// A flag that waits for its value: the word being typed is that value.
	waiting := ""
	if err := a.read(reading{}); err != nil && len(before) > 0 {
		waiting = before[len(before)-1]
		a.args = before[:len(before)-1]
		if a.read(reading{}) != nil {
			return nil
		}
	}
	if values := a.hostValues(canonical(waiting)); values != nil {
		return values
	}
	switch command := a.split.command; {
	case strings.HasPrefix(typed, "-") && (command == "show" || command == "runs"):
		return a.hostFlagCandidates()
	case command == "runs":
		return nil
	case command == "show", len(before) > 0 && optional[strings.TrimPrefix(canonical(before[len(before)-1]), "kg-")] && !strings.HasPrefix(typed, "-"):
		return runCandidates()
	}
	if a.split.choosePluginExists() == "" {
		if strings.HasPrefix(typed, "-") {
			return a.hostFlagCandidates()
		}
		if len(before) == 0 {
			return a.commandCandidates()
		}
		return nil
	}
	switch a.split.command {
	case "init":
		a.takeWord()
	case "trust":
		if strings.HasPrefix(typed, "-") {
			return a.hostFlagCandidates()
		}
		return nil
	}
	s, err := a.open(ctx)
	if err != nil {
		return nil
	}
	return s.pluginCandidates(before, waiting, typed)
}

// choosePluginExists is the plugin of the line, if a word of it can be found as one. Nothing is taken.
func (s *split) choosePluginExists() string {
	for _, w := range s.rest {
		if !w.isFlag() && discover.Exists(w.text) {
			return w.text
		}
	}
	return ""
}

// hostValues are the words that a flag of the host or of a backbone takes.
func (a *app) hostValues(flag string) []candidate {
	for _, f := range a.parser.Model.Flags {
		if f.Name == flag && f.Enum != "" {
			return plainCandidates(f.EnumSlice())
		}
	}
	for _, f := range job.BackboneFlags() {
		if canonical(f.Name) == flag {
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

func (a *app) commandCandidates() []candidate {
	var out []candidate
	for _, n := range a.parser.Model.Children {
		out = append(out, candidate{n.Name, n.Help})
	}
	return out
}

func (a *app) hostFlagCandidates() []candidate {
	out := []candidate{{"-h", "the task's help"}, {"-hb", "the backbone's help"}, {"-hk", "the host's help"}}
	for _, f := range a.parser.Model.Flags {
		out = append(out, candidate{"--" + f.Name, f.Help})
	}
	for _, n := range a.parser.Model.Children {
		if n.Name == a.split.command {
			for _, f := range n.Flags {
				out = append(out, candidate{"--" + f.Name, f.Help})
			}
		}
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

func (s *session) pluginCandidates(before []string, waiting, typed string) []candidate {
	if canonical(waiting) == "mixin" || len(before) > 0 && inMixins(before) && !strings.HasPrefix(typed, "-") {
		return s.mixinCandidates()
	}
	if s.Task == nil {
		if strings.HasPrefix(typed, "-") {
			return s.hostFlagCandidates()
		}
		var out []candidate
		for _, t := range s.Described.Tasks {
			out = append(out, candidate{t.Name, t.Summary})
		}
		return out
	}
	if n := len(before); n > 0 && strings.HasPrefix(before[n-1], "-") {
		for _, arg := range s.Task.Arguments {
			for _, flag := range arg.Flags {
				if flag != before[n-1] || arg.Arity == "0" {
					continue
				}
				var values []string
				for _, c := range arg.Choices {
					values = append(values, fmt.Sprint(c))
				}
				return plainCandidates(values)
			}
		}
	}
	if strings.HasPrefix(typed, "-") {
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
		if !dotlist.MatchString(before[i]) {
			return false
		}
	}
	return false
}

func (s *session) mixinCandidates() []candidate {
	if s.Task == nil || s.Task.Template == nil {
		return nil
	}
	var out []candidate
	for _, top := range s.Task.Template.Fields {
		if top.Value.Kind != template.KindMode {
			out = append(out, candidate{top.Name + "=", top.Help})
			continue
		}
		spec, _ := template.SpecOf(top.Value.Mode)
		for _, f := range top.Value.Fields {
			help := f.Help
			for _, known := range spec.Fields {
				if known.Name == f.Name {
					help = known.Help
				}
			}
			out = append(out, candidate{top.Name + "." + f.Name + "=", help})
		}
	}
	return out
}
