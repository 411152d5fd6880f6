package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/argv"
	"github.com/kagurazaka/kagurazaka/host/job"
)

// answerOf is what a command line prints on stdout.
func answerOf(t *testing.T, words ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(t.Context(), words, Streams{Out: &out, Err: &errs}, nil, "1.0"); code != 0 {
		t.Fatalf("%q has exit code %d: %s", words, code, errs.String())
	}
	return out.String()
}

// TestHintsLeadToTheFlag for each flag of each command: the help that a hint names has it.
func TestHintsLeadToTheFlag(t *testing.T) {
	a := &app{}
	parser, err := newParser(&a.grammar)
	if err != nil {
		t.Fatal(err)
	}
	a.parser = parser
	helps := map[string]string{}
	for _, n := range parser.Model.Children {
		a.line = argv.New([]string{n.Name}, parser, &a.program, nil)
		for _, f := range slices.Concat(n.Flags, parser.Model.Flags) {
			if f.Hidden {
				continue
			}
			line := a.helpAbout(n.Name, []string{"--" + f.Name + "=x"})
			words := strings.Fields(line)[1:]
			if helps[line] == "" {
				helps[line] = answerOf(t, words...)
			}
			if !strings.Contains(helps[line], "--"+f.Name) {
				t.Errorf("%s --%s: the hint is to see %s, which does not have the flag", n.Name, f.Name, line)
			}
			if own := slices.Contains(n.Flags, f); own && words[0] != n.Name && n.Name != "run" {
				t.Errorf("%s --%s: the hint is to see %s, want the command's own help", n.Name, f.Name, line)
			}
		}
	}
}

// TestWorkListsWhatItTakes, from the host and from the backbones.
func TestWorkListsWhatItTakes(t *testing.T) {
	help := answerOf(t, "work", "-h")
	names := slices.Clone(ofNode)
	for _, a := range job.BackboneArguments() {
		names = append(names, a.Name)
	}
	for _, name := range names {
		if !strings.Contains(help, "--"+name) {
			t.Errorf("work -h does not have --%s", name)
		}
	}
	workers := answerOf(t, "work", "-hb")
	for _, name := range []string{"--num_process", "--device", "--cpu_affinity"} {
		if strings.Count(workers, name+",")+strings.Count(workers, name+" ") < 1 {
			t.Errorf("work -hb does not have %s", name)
		}
	}
}
