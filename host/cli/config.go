package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/queue"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// configOutput is what config prints as JSON.
type configOutput struct {
	Plugin string `json:"plugin"`
	Task   string `json:"task"`
	// File is the file of --cfg, or the kagurazaka.yaml; empty: none.
	File   string       `json:"file,omitempty"`
	Values job.Settings `json:"values"`
}

// config is `config PLUGIN TASK …`: it prints every value of a run, with where it comes from.
func (a *app) config(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if a.grammar.Help {
		return cmp.Or(s.taskHelp(ctx), errAnswered)
	}
	if err := s.needTask(); err != nil {
		return err
	}
	settings, wrong := s.Settings(ctx, s)
	if s.Earlier && wrong != nil {
		if err := s.describeAnew(ctx); err != nil {
			return err
		}
		s.Equip()
		settings, wrong = s.Settings(ctx, s)
	}
	if settings.Task == nil {
		return wrong
	}
	settings.Host = a.hostSettings(s)
	out := configOutput{Plugin: s.Found.Command.Name, Task: s.Task.Name, File: a.program.Flags.Cfg, Values: settings}
	if p := s.Project(); p != nil && p.Has(s.Task.Name) {
		out.File = p.Path
	}
	if a.grammar.Config.JSON {
		err = printJSON(a.out.JSON(), out)
	} else {
		err = configText(a.streams.Out, out)
	}
	return cmp.Or(wrong, err)
}

// elsewhereShown are flags that ask for an answer, and those whose values are shown with the template.
var elsewhereShown = map[string]bool{"help": true, "help-backbone": true, "help-kagurazaka": true, "version": true, "mixin": true}

// hostSettings are the values of the host's flags.
func (a *app) hostSettings(s *session) []job.Setting {
	out := []job.Setting{}
	for _, f := range a.parser.Model.Flags {
		if f.Hidden || elsewhereShown[f.Name] {
			continue
		}
		setting := job.Setting{Name: f.Name, Value: shownFlag(f.Name, f.Target), From: job.FromHost}
		variable := a.line.FromVariable(f.Name)
		switch {
		case len(a.line.Given(f.Name)) > 0 || strings.HasPrefix(f.Name, "kg-") && len(a.line.Given(strings.TrimPrefix(f.Name, "kg-"))) > 0:
			setting.From, setting.Where = job.FromFlag, "--"+f.Name
		case variable != "":
			setting.From, setting.Where = job.FromVariable, variable
		case f.Name == "python" && s.Found.Kind == discover.PythonFile:
			setting.Value, setting.Where = s.Found.Command.Path, s.Found.InterpreterFrom
			if strings.HasPrefix(setting.Where, "KAGURAZAKA_") {
				setting.From = job.FromVariable
			}
		}
		out = append(out, setting)
	}
	return out
}

// shownFlag is a flag's value for people and for JSON, without secrets.
func shownFlag(name string, value reflect.Value) any {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	switch v := value.Interface().(type) {
	case time.Duration:
		return v.String()
	case string:
		if name == "nats" {
			v, _ = queue.Public(v)
		}
		// The name tls-key is that of a file.
		return terminal.Masked("", v)
	case []string:
		list := make([]any, len(v))
		for i, text := range v {
			list[i] = terminal.Masked("", text)
		}
		return list
	default:
		return v
	}
}

// configText prints the values as a table.
func configText(w io.Writer, c configOutput) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{w: t}
	file := ""
	if c.File != "" {
		file = ", with " + c.File
	}
	p.line("%s of %s%s", c.Task, c.Plugin, file)
	for _, group := range []struct {
		title    string
		settings []job.Setting
	}{
		{"arguments of the task", c.Values.Task}, {"template", c.Values.Template}, {"flags of the backbone", c.Values.Backbone}, {"flags of the host", c.Values.Host},
	} {
		if len(group.settings) == 0 {
			continue
		}
		p.line("\n%s:", block(group.title))
		for _, s := range group.settings {
			p.line("  %s\t%s\t%s", s.Name, shownValue(s), fromText(s))
		}
	}
	return cmp.Or(p.err, t.Flush())
}

// maxShown is how much of a value stands in the table.
const maxShown = 200

func shownValue(s job.Setting) string {
	if s.From == job.NotSet {
		return "???"
	}
	switch v := s.Value.(type) {
	case nil:
		return "-"
	case string:
		return cmp.Or(terminal.Line(v, maxShown), "-")
	}
	text, err := json.Marshal(s.Value)
	if err != nil {
		return fmt.Sprint(s.Value)
	}
	return terminal.Line(string(text), maxShown)
}

// fromText is where a value comes from, in a word or two.
func fromText(s job.Setting) string {
	switch {
	case s.From == job.NotSet && s.Where != "":
		return "not set, " + s.Where
	case s.From == job.NotSet:
		return "not set"
	case s.Where != "":
		return s.Where
	case s.From == job.FromTask:
		return "the task's default"
	}
	return "default"
}
