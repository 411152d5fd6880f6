package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/argv"
)

var update = flag.Bool("update", false, "write the golden files again")

// answerAt is what a command line prints on stdout in some columns.
func answerAt(t *testing.T, width int, words ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(t.Context(), words, Streams{Out: &out, Err: &errs, Width: func() int { return width }}, nil, "1.0.0"); code != 0 {
		t.Fatalf("%q has exit code %d: %s", words, code, errs.String())
	}
	return out.String()
}

// checkWidth checks that no line is longer than some columns unless it is one word.
func checkWidth(t *testing.T, width int, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if utf8.RuneCountInString(line) > width && len(strings.Fields(strings.TrimSuffix(line, ` \`))) > 1 {
			t.Errorf("a line is longer than %d columns: %q", width, line)
		}
	}
}

// TestEveryCommandHasHelp: usage, its own flags, and two examples, in any width.
func TestEveryCommandHasHelp(t *testing.T) {
	pages, err := Manual()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages[1:] {
		words := strings.Fields(page.Name)
		for _, width := range []int{40, 80, 200} {
			help := answerAt(t, width, append(words, "-h")...)
			checkWidth(t, min(width, 100), help)
			if again := answerAt(t, width, append([]string{"help"}, words...)...); again != help {
				t.Errorf("help %s differs from its -h", page.Name)
			}
		}
		help := answerAt(t, 80, append(words, "-h")...)
		if !strings.HasPrefix(help, "usage: kagurazaka "+strings.TrimPrefix(strings.Fields(page.Usage[0])[0], "[")[:1]) && page.Name != "run" {
			t.Errorf("%s: the help begins with %.60q", page.Name, help)
		}
		for _, u := range page.Usage {
			if !strings.Contains(strings.ReplaceAll(u, "[run]", "run"), page.Name) {
				t.Errorf("%s has the usage of another command: %s", page.Name, u)
			}
		}
		if len(page.Examples) < 2 {
			t.Errorf("%s has %d examples, want 2", page.Name, len(page.Examples))
		}
		for _, e := range page.Examples {
			if first, _, _ := strings.Cut(e.Line, " --"); !strings.Contains(flat(help), first) || !strings.HasSuffix(e.Does, ".") {
				t.Errorf("%s: the help lacks the example %s: %s", page.Name, e.Line, e.Does)
			}
		}
		for _, s := range page.Sections {
			for _, a := range s.Arguments {
				if a.Help == "" {
					t.Errorf("%s: %s has no help", page.Name, a.Name)
				}
				if len(a.Flags) > 0 && !strings.Contains(help, a.Flags[0]) {
					t.Errorf("%s -h lacks %s", page.Name, a.Flags[0])
				}
			}
		}
	}
}

// flat is a help text in one line.
func flat(help string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(help, "\\\n", "")), " ")
}

// TestExamplesParse: each example is a command line that the host reads as that command, with flags that it knows.
func TestExamplesParse(t *testing.T) {
	pages, err := Manual()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, e := range page.Examples {
			line, _, _ := strings.Cut(e.Line, " > ")
			words := strings.Fields(strings.ReplaceAll(line, "'", ""))
			if words[0] != "kagurazaka" {
				t.Errorf("%s: an example of another program: %s", page.Name, e.Line)
				continue
			}
			a := &app{}
			if a.parser, err = newParser(&a.grammar); err != nil {
				t.Fatal(err)
			}
			a.line = argv.New(words[1:], a.parser, &a.program, a.readHost)
			if err := a.line.Guess(); err != nil {
				t.Errorf("%s: %v", e.Line, err)
				continue
			}
			if err := a.line.Doubt(); err != nil {
				t.Errorf("%s: %v", e.Line, err)
			}
			command, _, _ := strings.Cut(page.Name, " ")
			if command != "" && a.line.Command != command {
				t.Errorf("%s: it is read as %s", e.Line, a.line.Command)
			}
			a.line.TakeLiteral()
			for _, word := range a.line.Words()[0] {
				// --size is the task's.
				if strings.HasPrefix(word, "-") && word != "-" && word != "--size" {
					t.Errorf("%s: the host does not know %s", e.Line, word)
				}
			}
		}
	}
}

// TestFlagsHaveGroups, and each group has flags.
func TestFlagsHaveGroups(t *testing.T) {
	parser, err := newParser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[g.Key] = true
	}
	for _, f := range parser.Model.Flags {
		if f.Group == nil || !known[f.Group.Key] {
			t.Errorf("--%s is in no group of the help: give it a tag such as group:\"run\"", f.Name)
		}
	}
	for _, s := range manualOf(parser).groups() {
		if len(s.Arguments) == 0 {
			t.Errorf("the group %s has no flags", s.Title)
		}
	}
}

func TestGoldenHelp(t *testing.T) {
	for _, c := range []struct {
		file  string
		width int
		words []string
	}{
		{"trust_80.txt", 80, []string{"trust", "-h"}},
		{"trust_40.txt", 40, []string{"trust", "-h"}},
		{"shard_80.txt", 80, []string{"shard", "-h"}},
		{"slurm_40.txt", 40, []string{"launch", "slurm", "-h"}},
	} {
		got := answerAt(t, c.width, c.words...)
		path := filepath.Join("testdata", "help", c.file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%q differs from %s (go test -update writes it again):\n%s", c.words, path, got)
		}
	}
}

// TestHostHelp begins with the usage, then has the commands in one line each, then the flags in groups, and no flag for devices.
func TestHostHelp(t *testing.T) {
	for _, width := range []int{40, 80} {
		checkWidth(t, width, answerAt(t, width, "-hk"))
	}
	help := answerAt(t, 80, "-hk")
	at := 0
	for _, title := range []string{"usage: kagurazaka [run] PLUGIN [TASK]", "\nCommands:\n", "\n  plan        Show what", "\nRun:\n", "\nItems:\n", "\nFailures:\n", "\nResume:\n",
		"\nPlugin:\n", "\nOutput:\n", "\nSeveral machines:\n", "\nHelp:\n", "\nExamples:\n", "\nExit codes:"} {
		next := strings.Index(help[at:], title)
		if next < 0 {
			t.Fatalf("-hk has no %q behind its first %d bytes:\n%s", title, at, help)
		}
		at += next
	}
	if strings.Contains(help, "  --device") || !strings.Contains(help, "  --num_process") {
		t.Error("-hk must have the flags for normal tasks, and none for devices")
	}
	// Each command is one line.
	_, rest, _ := strings.Cut(help, "\nCommands:\n")
	commands, _, _ := strings.Cut(rest, "\n\n")
	for line := range strings.Lines(commands) {
		if strings.HasPrefix(line, "   ") {
			t.Errorf("a command takes more than one line: %q", line)
		}
	}
}

// TestFlagSpellings: short spellings, values and choices.
func TestFlagSpellings(t *testing.T) {
	for name, want := range map[string]string{
		"listen": "--listen[=ADDR]", "progress": "--progress {auto,", "limit": "--limit N", "start-timeout": "--start-timeout D", "help-backbone": "--help-backbone, -hb",
		"verbose": "--verbose, -v", "quiet": "--quiet, -q",
	} {
		parser, err := newParser(&grammar{})
		if err != nil {
			t.Fatal(err)
		}
		a := argumentsOf(parser.Model.Flags, func(f *kong.Flag) bool { return f.Name == name })
		if got := a[0].Spellings(); !strings.HasPrefix(got, want) {
			t.Errorf("--%s is shown as %s, want %s", name, got, want)
		}
	}
}
