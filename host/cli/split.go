package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/suggest"
)

// split is a command line taken apart: the host's words, the backbone's, and the rest in its order.
type split struct {
	command string
	// host are the host's flags in kong's own spelling, each --name or --name=value.
	host []string
	// backbone are the backbone's flags by canonical name, in their order.
	backbone []flagValue
	// rest is everything else.
	rest []word
}

type flagValue struct{ name, value string }

// word is a word of the command line that is not the host's.
type word struct {
	text string
	// after says that the word follows a flag that the host does not know: it may be that flag's value.
	after bool
	// literal words stood after --.
	literal bool
}

func (w word) isFlag() bool {
	return !w.literal && len(w.text) > 1 && w.text[0] == '-' && !number.MatchString(w.text)
}

var (
	number  = regexp.MustCompile(`^-(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$`)
	dotlist = regexp.MustCompile(`^[A-Za-z_][^=/\s]*=`)
	// combined are short flags that are words of their own, as kagurazaka 0.1.1 has them.
	combined = map[string]string{
		"-h": "help", "-hb": "help-backbone", "-hk": "help-kagurazaka", "-v": "verbose", "-vv": "verbose", "-q": "quiet",
	}
)

// known are the flags to take out of a command line. A flag's value says whether it takes one.
type known struct {
	host     map[string]bool
	backbone map[string]bool
	commands []string
	// isRun tells whether a word may be the value of a flag that needs none.
	isRun func(word string) bool
}

// optional are the flags whose value may be left out: a word after one is its value only when it names a run, so that
// the plugin may follow.
var optional = map[string]bool{"resume": true, "retry-failed": true}

var runID = regexp.MustCompile(`^\d{8}-\d{1,9}(-[0-9a-f]{0,6})?$`)

// isRunWord reports whether a word names a run: it looks like an id, or is the folder of one.
func isRunWord(word string) bool {
	return word == "last" || runID.MatchString(word) || !strings.HasPrefix(word, "-") && ledger.IsRun(word)
}

// knownFlags reads the flags from the grammar and from the backbones' arguments. yielded are names of the host's that
// belong to the task this time.
func knownFlags(parser *kong.Kong, backbone []schema.Argument, yielded map[string]bool) known {
	k := known{host: map[string]bool{}, backbone: map[string]bool{}, isRun: isRunWord}
	add := func(f *kong.Flag) {
		takes := !f.IsBool() && !f.IsCounter()
		k.host["kg-"+strings.TrimPrefix(f.Name, "kg-")] = takes
		if !yielded[f.Name] {
			k.host[f.Name] = takes
		}
	}
	for _, f := range parser.Model.Flags {
		add(f)
	}
	for _, n := range parser.Model.Children {
		k.commands = append(k.commands, n.Name)
	}
	for _, a := range backbone {
		name := canonical(a.Name)
		if !yielded[name] {
			k.backbone[name] = a.Arity != "0"
		}
	}
	return k
}

func canonical(name string) string { return strings.ReplaceAll(strings.TrimLeft(name, "-"), "_", "-") }

// splitArgs takes the host's and the backbone's flags out of a command line, wherever they stand.
func splitArgs(args []string, k known, parser *kong.Kong) (*split, error) {
	s := &split{}
	after := false
	for i := 0; i < len(args); i++ {
		text := args[i]
		if text == "--" {
			for _, rest := range args[i+1:] {
				s.rest = append(s.rest, word{text: rest, literal: true})
			}
			break
		}
		name, value, hasValue := flagOf(text)
		isHost, takes := k.find(name)
		switch {
		case name == "" || !isHost:
			w := word{text: text, after: after}
			if s.command == "" && len(s.rest) == 0 && slices.Contains(k.commands, text) {
				s.command = text
				k = k.with(parser, text)
				continue
			}
			s.rest = append(s.rest, w)
			after = w.isFlag() && !strings.Contains(text, "=")
			continue
		case !takes && hasValue && value != "true" && value != "false":
			return nil, usage("%s takes no value", strings.SplitN(text, "=", 2)[0])
		case takes && !hasValue && isHost && optional[strings.TrimPrefix(name, "kg-")]:
			value, hasValue = lastSame, true
			if i+1 < len(args) && k.isRun(args[i+1]) {
				i++
				value = args[i]
			}
		case takes && !hasValue:
			if i+1 >= len(args) {
				return nil, usage("%s needs a value", text)
			}
			i++
			value, hasValue = args[i], true
		}
		after = false
		if canonical(name) == "mixin" {
			n, err := s.mixins(text, value, args[i+1:])
			if err != nil {
				return nil, err
			}
			i += n
			continue
		}
		s.take(k, name, value, hasValue, text == "-vv")
	}
	if s.command == "" {
		s.command = "run"
	}
	return s, nil
}

// flagOf returns the canonical name of a flag that the host may know, and its value after "=".
func flagOf(text string) (name, value string, hasValue bool) {
	if name, ok := combined[text]; ok {
		return name, "", false
	}
	if !strings.HasPrefix(text, "--") || len(text) == 2 {
		return "", "", false
	}
	name, value, hasValue = strings.Cut(text[2:], "=")
	return canonical(name), value, hasValue
}

func (k known) find(name string) (isHost, takes bool) {
	if takes, ok := k.host[name]; ok {
		return true, takes
	}
	takes, ok := k.backbone[name]
	return ok, takes
}

// with adds the flags of a command.
func (k known) with(parser *kong.Kong, command string) known {
	for _, n := range parser.Model.Children {
		if n.Name != command {
			continue
		}
		for _, f := range n.Flags {
			k.host[f.Name] = !f.IsBool() && !f.IsCounter()
		}
	}
	return k
}

func (s *split) take(k known, name, value string, hasValue, twice bool) {
	if _, ok := k.host[name]; !ok {
		s.backbone = append(s.backbone, flagValue{name, value})
		return
	}
	if name != "kg-debug" {
		name = strings.TrimPrefix(name, "kg-")
	}
	flag := "--" + name
	if hasValue {
		flag += "=" + value
	}
	s.host = append(s.host, flag)
	if twice {
		s.host = append(s.host, flag)
	}
}

// mixins takes the KEY=VALUE words after --mixin. As many as there are belong to it, as kagurazaka 0.1.1 has it, but a
// word that is no KEY=VALUE ends them, so that the plugin may follow.
func (s *split) mixins(flag, first string, rest []string) (int, error) {
	if !strings.Contains(first, "=") {
		return 0, usage("--mixin %s: write KEY=VALUE, for example --mixin hard_shard_mode.input_path=photos", first)
	}
	s.host = append(s.host, "--mixin="+first)
	if strings.Contains(flag, "=") {
		return 0, nil
	}
	n := 0
	for n < len(rest) && dotlist.MatchString(rest[n]) {
		s.host = append(s.host, "--mixin="+rest[n])
		n++
	}
	return n, nil
}

func usage(format string, args ...any) error {
	return exitcode.With(exitcode.Usage, fmt.Errorf(format, args...))
}

// choosePlugin takes the plugin out of the rest: the first word that is there to be found, else the first that is no
// flag and no flag's value. exists tells whether a word names a plugin.
func (s *split) choosePlugin(exists func(string) bool) string {
	// Where nothing else is left, -- ended the host's flags, and the plugin follows.
	if !slices.ContainsFunc(s.rest, func(w word) bool { return !w.literal }) {
		for i := range s.rest {
			s.rest[i].literal = false
		}
	}
	at := -1
	for i, w := range s.rest {
		if w.isFlag() || w.literal {
			continue
		}
		if !w.after || exists(w.text) {
			at = i
			break
		}
	}
	if at < 0 {
		return ""
	}
	plugin := s.rest[at].text
	s.rest = slices.Delete(s.rest, at, at+1)
	if at < len(s.rest) && at > 0 {
		// The word before may have been a flag without a value after all.
		s.rest[at].after = s.rest[at].after && s.rest[at-1].isFlag()
	}
	return plugin
}

// guessTask is the word that is most likely the task before the plugin was asked for its tasks.
func (s *split) guessTask() string {
	fallback := ""
	for _, w := range s.rest {
		if w.isFlag() || w.literal {
			continue
		}
		if !w.after {
			return w.text
		}
		if fallback == "" {
			fallback = w.text
		}
	}
	return fallback
}

// chooseTask takes the task out of the rest: the first word that names a task, else the guess, which is returned to be
// told that there is no such task.
func (s *split) chooseTask(tasks []string) (name string, known bool) {
	for i, w := range s.rest {
		if !w.isFlag() && !w.literal && slices.Contains(tasks, w.text) {
			s.rest = slices.Delete(s.rest, i, i+1)
			return w.text, true
		}
	}
	return s.guessTask(), false
}

func (s *split) restTexts() []string {
	out := make([]string, len(s.rest))
	for i, w := range s.rest {
		out[i] = w.text
	}
	return out
}

func didYouMean(word string, options []string) string {
	if m := suggest.Closest(word, options); m != "" {
		return fmt.Sprintf(" (did you mean %s?)", m)
	}
	return ""
}
