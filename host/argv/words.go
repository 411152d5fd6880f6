package argv

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// choosePlugin takes the plugin out of the rest: the first word that exists, else the first that is neither a flag nor a flag's value.
func (s *split) choosePlugin(exists func(string) bool) string {
	plugin := ""
	s.takePlugin(func(w word) bool {
		plugin = w.text
		return !w.after || exists(w.text)
	})
	if s.pluginAt < 0 {
		return ""
	}
	return plugin
}

// takePlugin takes the first word out of the rest that is no flag and is the plugin.
func (s *split) takePlugin(is func(word) bool) bool {
	// Where nothing else is left, -- ended the host's flags, and the plugin follows.
	if len(s.rest) > 0 && s.rest[0].ends() {
		s.rest = s.rest[1:]
		for i := range s.rest {
			s.rest[i].literal = false
		}
	}
	at := slices.IndexFunc(s.rest, func(w word) bool { return !w.isFlag() && !w.literal && is(w) })
	if at < 0 {
		return false
	}
	s.pluginAt = s.rest[at].at
	s.rest = slices.Delete(s.rest, at, at+1)
	if at < len(s.rest) && at > 0 {
		// The word before may have been a flag without a value after all.
		s.rest[at].after = s.rest[at].after && s.rest[at-1].isFlag()
	}
	return true
}

// GuessTask is the word that is most likely the task, before the plugin was asked for its tasks.
func (s *split) GuessTask() string {
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

// chooseTask takes the task out of the rest: the first word that is one. Else it returns the guess. It also takes a -- directly after the
// task; one further back is for the task's own parser, too.
func (s *split) chooseTask(is func(word) bool) (name string, known bool) {
	for i, w := range s.rest {
		if w.isFlag() || w.literal || !is(w) {
			continue
		}
		s.taskAt = w.at
		s.rest = slices.Delete(s.rest, i, i+1)
		s.rest = slices.DeleteFunc(s.rest, func(next word) bool { return next.ends() && next.at == w.at+1 })
		return w.text, true
	}
	return s.GuessTask(), false
}

// implyTask sets TASK where PLUGIN stands. It takes a -- directly after it, as chooseTask does.
func (s *split) implyTask() {
	s.implied, s.taskAt = true, s.pluginAt
	s.rest = slices.DeleteFunc(s.rest, func(next word) bool { return next.ends() && next.at == s.pluginAt+1 })
}

func (s *split) restTexts() []string {
	out := make([]string, len(s.rest))
	for i, w := range s.rest {
		out[i] = w.text
	}
	return out
}

// TakeWord takes the first word that is no flag out of the rest.
func (l *Line) TakeWord() string {
	for i, w := range l.rest {
		if !w.isFlag() && !w.ends() {
			l.rest = slices.Delete(l.rest, i, i+1)
			return w.text
		}
	}
	return ""
}

// TakeLiteral takes the words behind -- out of the rest.
func (l *Line) TakeLiteral() (words []string) {
	at := slices.IndexFunc(l.rest, word.ends)
	if at < 0 {
		return nil
	}
	for _, w := range l.rest[at+1:] {
		words = append(words, w.text)
	}
	l.rest = l.rest[:at]
	return words
}

// existing is the plugin of the line, if a word of it can be found as one. Nothing is taken.
func (s *split) existing() string {
	for _, w := range s.rest {
		if !w.isFlag() && discover.Exists(w.text) {
			return w.text
		}
	}
	return ""
}

// NamesPlugin reports whether a word of the line is there to be found as a plugin.
func (l *Line) NamesPlugin() bool { return l.existing() != "" }

// TakePlugin takes the plugin out of a line that has no task; empty: none.
func (l *Line) TakePlugin() string { return l.choosePlugin(discover.Exists) }

// Words implements job.Line. The task's parser gets a --, as in kagurazaka 0.1.1; the second reading is for a task that refuses it.
func (l *Line) Words() [][]string {
	words := l.restTexts()
	readings := [][]string{words}
	if i := slices.IndexFunc(l.rest, word.ends); i >= 0 {
		readings = append(readings, slices.Delete(slices.Clone(words), i, i+1))
	}
	return readings
}

// Implied implements job.Line.
func (l *Line) Implied() bool { return l.implied }

// loose are the places in the rest of the words that neither the host nor a flag of the task takes.
func (l *Line) loose() []int {
	texts := l.restTexts()
	if at := slices.IndexFunc(l.rest, word.ends); at >= 0 {
		texts = texts[:at]
	}
	return schema.Loose(l.session.Task, schema.Spell(l.session.Task, texts))
}

// Folders implements job.Line.
func (l *Line) Folders() (words []string) {
	if l.session.Task.TakesWords() {
		return nil
	}
	for _, at := range l.loose() {
		words = append(words, l.rest[at].text)
	}
	return words
}

// TakeFolders implements job.Line.
func (l *Line) TakeFolders() {
	for _, at := range slices.Backward(l.loose()) {
		l.rest = slices.Delete(l.rest, at, at+1)
	}
}

// BackboneFlags implements job.Line. A variable counts only for a backbone that has the flag.
func (l *Line) BackboneFlags() []job.Value {
	var values []job.Value
	for _, v := range l.variableValues {
		if l.session == nil || l.session.Backbone().Declares(v.Name) {
			values = append(values, v)
		}
	}
	return append(values, l.backbone...)
}

// optional are the flags with an optional value: the next word is the value only if it names a run, so that the plugin may follow.
var optional = map[string]bool{"resume": true, "retry-failed": true}

// attached are flags with an optional value that takes a =, and what they mean without one.
var attached = map[string]string{"debug": "on", "listen": job.ListenHere}

var runID = regexp.MustCompile(`^\d{8}-\d{1,9}(-[0-9a-f]{0,6})?$`)

// isRunWord reports whether a word names a run: it looks like an id, or is the folder of one.
func isRunWord(word string) bool {
	return word == "last" || runID.MatchString(word) || !strings.HasPrefix(word, "-") && ledger.IsRun(word)
}

// NoRun is the problem of a word that follows --resume and was taken for something else, because it does not look like a run; nil: no word
// behind --resume is this one.
func (l *Line) NoRun(wanted string) *problem.Problem {
	for i, text := range l.Args[:max(len(l.Args)-1, 0)] {
		word := l.Args[i+1]
		name, _, hasValue := flagOf(text)
		if hasValue || !optional[strings.TrimPrefix(name, own)] || word != wanted {
			continue
		}
		root, err := ledger.Root()
		if err != nil {
			return nil
		}
		p := &problem.Problem{Source: text + " " + terminal.Quote(word)}
		run, err := ledger.Find(root, word)
		if err == nil {
			p.Message, p.Suggestion = "only an id, last or a folder may follow the flag", fmt.Sprintf("did you mean %s=%s?", text, run.Info.ID)
			return p
		}
		p.Message, p.Suggestion, _ = strings.Cut(err.Error(), "; hint: ")
		return p
	}
	return nil
}

// NamesRun reports whether a word is a flag behind which a run may be named.
func NamesRun(word string) bool { return optional[strings.TrimPrefix(job.Canonical(word), own)] }
