package argv

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/job"
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
		for j := range s.rest {
			if s.rest[j].ends() && s.rest[j].at == w.at+1 {
				s.rest = slices.Delete(s.rest, j, j+1)
				break
			}
		}
		return w.text, true
	}
	return s.GuessTask(), false
}

// restTexts are the words of the rest.
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

// BackboneFlags implements job.Line.
func (l *Line) BackboneFlags() []job.Value { return l.backbone }
