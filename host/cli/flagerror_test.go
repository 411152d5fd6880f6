package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/job"
)

// TestEveryFlagTellsItsWrongValue gives each flag of each command a value that it does not take: the error begins with the flag as typed, and
// says in our words what must stand there.
func TestEveryFlagTellsItsWrongValue(t *testing.T) {
	a := &app{working: make(chan struct{})}
	var err error
	if a.parser, err = newParser(&a.grammar); err != nil {
		t.Fatal(err)
	}
	a.program = job.Program{Note: func(string) {}}
	checked := 0
	check := func(command string, f *kong.Flag) {
		const value = "kagu"
		var want string
		switch {
		case f.IsBool() || f.IsCounter():
			want = "takes no value"
		case f.Enum != "":
			want = "must be "
		case f.Target.Type() == reflect.TypeFor[string]() || f.Target.Kind() == reflect.Slice:
			return
		default:
			want = "must be a"
		}
		checked++
		words := []string{command, "--" + f.Name + "=" + value}
		if command == "run" {
			// It has flags of its own with this one alone.
			words = append(words, "--dry-run")
		}
		a.line = argv.New(words, a.parser, &a.program, a.readHost)
		if err := a.line.Guess(); err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
			return
		}
		wrong := a.line.Doubt()
		if wrong == nil {
			t.Errorf("kagurazaka %s --%s=%s is accepted", command, f.Name, value)
			return
		}
		where := "--" + f.Name
		if want != "takes no value" {
			where += "=" + value
		}
		text := wrong.Error()
		if !strings.HasPrefix(text, where+": "+want) || !strings.Contains(text, "; hint: ") || strings.Contains(text, "expected") || strings.Contains(text, "\n") {
			t.Errorf("kagurazaka %s: %q, want %q", command, text, where+": "+want)
		}
	}
	for _, command := range a.parser.Model.Children {
		for _, f := range command.Flags {
			check(command.Name, f)
		}
	}
	for _, f := range a.parser.Model.Flags {
		check("runs", f)
	}
	if checked < 50 {
		t.Errorf("%d flags were checked", checked)
	}
}
