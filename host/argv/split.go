package argv

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// split is a command line taken apart: the host's words, the backbone's, and the rest in its order.
type split struct {
	// Command is the command's name; "run" where none is given.
	Command string
	// commandAt is where that stands; -1: nowhere.
	commandAt int
	// host are the host's flags in kong's own spelling.
	host []hostFlag
	// backbone are the backbone's flags by canonical name, in their order; ofBackbone says where they stood.
	backbone   []job.Value
	ofBackbone []hostFlag
	// variables are the flags that the environment gives, variableValues those of the backbones among them with their values.
	variables      []hostFlag
	variableValues []job.Value
	rest           []word
	// pluginAt and taskAt are where PLUGIN and TASK stood, once they were chosen; -1: not yet.
	pluginAt, taskAt int
	// implied: TASK was left out, since the plugin has only one. It counts as standing where PLUGIN does.
	implied bool
	// plans: --dry-run is given, with which a run has the flags of a plan.
	plans bool
	// flaws are the problems of the host's flags; guess: the flags that give way may be the task's, and then have no problem.
	flaws []flaw
	guess bool
}

// flaw is a problem of a flag.
type flaw struct {
	hostFlag
	problem.Problem
}

// flawOf is the problem of a flag that is written as where.
func flawOf(f hostFlag, where, message, hint string) flaw {
	return flaw{f, problem.Problem{Source: where, Message: message, Suggestion: hint}}
}

// hostFlag is a flag of the host: --name or --name=value.
type hostFlag struct {
	text string
	// newer: it gives way to a task's argument of the same name. name is canonical.
	newer bool
	name  string
	// at is where it stood; value is where its value stood, if that was a word of its own, else -1.
	at, value int
}

// word is a word of the command line that is not the host's.
type word struct {
	text string
	at   int
	// after: the word follows a flag that the host does not know, and may be its value.
	after bool
	// literal words are -- and the words after it.
	literal bool
}

const dashes = "--"

// ends reports whether the word is the -- that ends the host's words.
func (w word) ends() bool { return w.literal && w.text == dashes }

func (w word) isFlag() bool {
	return !w.literal && len(w.text) > 1 && w.text[0] == '-' && !number.MatchString(w.text)
}

var (
	number = regexp.MustCompile(`^-(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$`)
	// field begins a KEY=VALUE that is taken for one even if a file has that name.
	field = regexp.MustCompile(`^[A-Za-z_][^=/\s]*=`)
	// combined are short flags that are words of their own, most of them as kagurazaka 0.1.1 has them.
	combined = map[string]string{
		"-h": "help", "-hb": "help-backbone", "-hk": "help-kagurazaka", "-v": "verbose", "-vv": "verbose", "-q": "quiet", nulFlag: "null", "-N": "nodes",
		"-i": "input", "-o": "output",
	}
)

// nulFlag looks like a number.
const nulFlag = "-0"

// protecting are the flags that protect the user from the plugin, which must not take them away.
var protecting = map[string]bool{"plugin-sha256": true, "locked": true, "clean-env": true, "mtls": true}

// reserved are the host's flags that no task can have: those of kagurazaka 0.1.1, and those of protecting.
var reserved = map[string]bool{
	"backbone": true, "cfg": true, "mixin-cfg": true, "mixin": true, "help": true, "help-backbone": true,
	"help-kagurazaka": true, "num-process": true, "chunksize": true, "device": true,
	"plugin-sha256": true, "locked": true, "clean-env": true, "mtls": true,
}

// younger are the commands that came when plugins of their names may have existed: such a plugin is meant.
var younger = map[string]bool{"help": true, "version": true, "config": true, "new": true}

// known are the flags to take out of a command line, by canonical name, and whether they take a value.
type known struct {
	flags map[string]bool
	// backbone are the names of the backbones' flags.
	backbone map[string]bool
	reading
}

// reading is what is known of the task when a command line is read.
type reading struct {
	// yielded are names of the host's that belong to the task. Those of shortAlone are words (-i), others stand for both spellings.
	yielded map[string]bool
	// doubtful are names that are the host's in front of TASK, and the task's behind it.
	doubtful map[string]bool
	// pluginAt and taskAt are where PLUGIN and TASK stand.
	pluginAt, taskAt int
	// positionals: the task has arguments without a flag, so -0 behind TASK is a number.
	positionals bool
	// remainderAt is the position of a REMAINDER's first word, after which newer flags are the task's; 0: none.
	remainderAt int
	// isField tells whether a word is a field of the task's template, or the beginning of one.
	isField func(word string) bool
	// guess: the task is unknown, and a newer flag may be the task's, so a wrong value is not an error yet.
	guess bool
}

// knownFlags reads the flags from the grammar and from the backbones' arguments.
func knownFlags(parser *kong.Kong, backbone []schema.Argument, r reading) known {
	k := known{flags: map[string]bool{}, backbone: map[string]bool{}, reading: r}
	k.add(parser.Model.Flags)
	for _, a := range backbone {
		name, takes := job.Canonical(a.Name), a.Arity != "0"
		k.backbone[name] = true
		k.flags[name], k.flags[own+name] = takes, takes
	}
	return k
}

// own begins the name of a flag that is the host's whatever the task declares.
const own = "kg-"

func (k known) add(flags []*kong.Flag) {
	for _, f := range flags {
		takes := !f.IsBool() && !f.IsCounter()
		k.flags[f.Name], k.flags[own+strings.TrimPrefix(f.Name, own)] = takes, takes
	}
}

// flagsOf are the flags of a command. It reports whether there is such a command.
func flagsOf(parser *kong.Kong, command string) ([]*kong.Flag, bool) {
	for _, n := range parser.Model.Children {
		if n.Name == command {
			return n.Flags, true
		}
	}
	return nil, false
}

// find reports whether a flag at a position is the host's or the backbone's, and whether it takes a value. text is the word.
func (k known) find(name, text string, at int) (isHost, takes bool) {
	takes, isHost = k.flags[name]
	switch {
	case strings.HasPrefix(name, own):
	case k.remainderAt > 0 && at > k.remainderAt && !reserved[name]:
		isHost = false
	case k.doubtful[name]:
		isHost = isHost && at < k.taskAt
	case shortAlone[text]:
		isHost = !k.yielded[text]
	case k.yielded[name]:
		isHost = isHost && name == pythonFlag && at < k.pluginAt
	}
	return isHost, takes
}

// splitArgs takes the host's and the backbone's flags out of a command line, wherever they stand.
func splitArgs(args []string, k known, parser *kong.Kong) *split {
	s := &split{pluginAt: -1, taskAt: -1, commandAt: -1, guess: k.guess}
	if s.plans = k.asksFor(args, "dry-run"); s.plans {
		flags, _ := flagsOf(parser, "run")
		k.add(flags)
	}
	after := false
	for i := 0; i < len(args); i++ {
		text := args[i]
		if text == dashes {
			for j, rest := range args[i:] {
				s.rest = append(s.rest, word{text: rest, at: i + j, literal: true})
			}
			break
		}
		name, value, hasValue := flagOf(text)
		isHost, takes := k.find(name, text, i)
		if text == nulFlag && (after || k.positionals && i > k.taskAt) {
			// It is a number: behind a flag that the host does not know, or an argument of its own.
			isHost = false
		}
		if name == "" || !isHost {
			if flags, is := flagsOf(parser, text); is && s.Command == "" && len(s.rest) == 0 && (!younger[text] || !discover.Exists(text)) {
				s.Command, s.commandAt = text, i
				if text != "run" {
					k.add(flags)
				}
				continue
			}
			w := word{text: text, at: i, after: after}
			s.rest = append(s.rest, w)
			after = w.isFlag() && !strings.Contains(text, "=")
			continue
		}
		after = false
		flag := hostFlag{name: strings.TrimPrefix(name, own), newer: !reserved[name] && !strings.HasPrefix(name, own), at: i, value: -1}
		spelling, _, _ := strings.Cut(text, "=")
		wrong, hint := "", ""
		switch {
		case !takes && hasValue && value != "true" && value != "false":
			wrong, hint = fmt.Sprintf("takes no value, not %q", value), "write "+spelling+" alone"
		case takes && !hasValue && attached[flag.name] != "":
			value, hasValue = attached[flag.name], true
		case takes && !hasValue && optional[flag.name]:
			value, hasValue = job.LastSame, true
			if i+1 < len(args) && isRunWord(args[i+1]) {
				i++
				value, flag.value = args[i], i
			}
		case takes && !hasValue && i+1 >= len(args):
			wrong = "needs a value"
		case takes && !hasValue:
			i++
			value, hasValue, flag.value = args[i], true, i
		}
		if takes && hasValue && value == "" && flag.name != "mixin" {
			// Most often an unset variable of the shell.
			wrong = "the value is empty"
		}
		switch {
		case wrong != "":
			s.flaws = append(s.flaws, flawOf(flag, spelling, wrong, hint))
		case flag.name == "mixin":
			i += s.mixins(k, flag, text, value, args[i+1:], i+1)
		default:
			s.take(k, flag, value, hasValue, text == "-vv")
		}
	}
	s.Command = cmp.Or(s.Command, "run")
	return s
}

// asksFor reports whether a flag of the host stands among the words in front of --.
func (k known) asksFor(args []string, flag string) bool {
	for i, text := range args {
		if text == dashes {
			break
		}
		name, _, _ := flagOf(text)
		if isHost, _ := k.find(name, text, i); isHost && strings.TrimPrefix(name, own) == flag {
			return true
		}
	}
	return false
}

// ownFlags are the flags of the line's command that other commands do not have.
func (s *split) ownFlags(parser *kong.Kong) []*kong.Flag {
	if s.Command == "run" && !s.plans {
		return nil
	}
	flags, _ := flagsOf(parser, s.Command)
	return flags
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
	return job.Canonical(name), value, hasValue
}

func (s *split) take(k known, f hostFlag, value string, hasValue, twice bool) {
	if k.backbone[f.name] {
		s.backbone, s.ofBackbone = append(s.backbone, job.Value{Name: f.name, Value: value}), append(s.ofBackbone, f)
		return
	}
	if f.name == "debug" {
		f.name = own + f.name
	}
	f.text = "--" + f.name
	if hasValue {
		f.text += "=" + value
	}
	s.host = append(s.host, f)
	if twice {
		s.host = append(s.host, f)
	}
}

// mixins takes the words with = after --mixin, as many as follow, as in kagurazaka 0.1.1. There a word without = is a key with the
// value null; here only after PLUGIN and TASK, and if the template has that field. Any other word ends the values, and so does PLUGIN.
func (s *split) mixins(k known, flag hostFlag, text, first string, rest []string, at int) (n int) {
	take := func(word string, at int) bool {
		isPlugin := func() bool {
			return !field.MatchString(word) && (at == k.pluginAt || s.existing() == "" && discover.Exists(word))
		}
		switch {
		case at < 0, IsAssignment(word) && !isPlugin():
		case at > k.pluginAt && at > k.taskAt && k.taskAt >= 0 && k.isField != nil && k.isField(word):
			word += "="
		default:
			return false
		}
		s.host = append(s.host, hostFlag{text: "--mixin=" + word, name: "mixin"})
		return true
	}
	attached := strings.Contains(text, "=")
	switch {
	case strings.Contains(first, "=") && (attached || IsAssignment(first)):
		take(first, -1)
	case !attached && take(first, at-1), k.guess:
	default:
		s.flaws = append(s.flaws, flawOf(flag, "--mixin "+first, "must be KEY=VALUE, for example --mixin hard_shard_mode.input_path=photos", ""))
	}
	for !attached && n < len(rest) && take(rest[n], at+n) {
		n++
	}
	return n
}

// texts are the host's flags that kong reads: those of the environment first, so that the command line wins.
func (s *split) texts() []hostFlag {
	return slices.DeleteFunc(slices.Concat(s.variables, s.host), func(f hostFlag) bool { return f.text == "" })
}

func (s *split) hostTexts() []string {
	out := []string{}
	for _, f := range s.texts() {
		out = append(out, f.text)
	}
	return out
}

// IsAssignment reports whether a word after --mixin has the form KEY=VALUE, whatever its key is.
func IsAssignment(word string) bool {
	return strings.Contains(word, "=") && !strings.HasPrefix(word, "-")
}
