package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/argv"
)

// docs/migration.md lists each flag of the host that 0.1.1 did not have. The reference is generated: see host/cmd/manual.
func TestFlagsAreDocumented(t *testing.T) {
	parser, err := newParser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n### New flags of the host\n")
	newer, _, ended := strings.Cut(rest, "\n## ")
	if !found || !ended {
		t.Fatal("docs/migration.md has no section about new flags")
	}
	old := map[string]bool{"backbone": true, "cfg": true, "mixin-cfg": true, "mixin": true, "help": true, "help-backbone": true, "help-kagurazaka": true}
	for _, f := range parser.Model.Flags {
		names := []string{"`--" + f.Name}
		if f.Short != 0 {
			names = append(names, "`-"+string(f.Short)+"`")
		}
		for _, name := range names {
			if !old[f.Name] && !strings.Contains(newer, name) {
				t.Errorf("docs/migration.md lacks %s", name)
			}
		}
	}
}

// The table of docs/reference/configuration.md has the variables that give a flag, and no others.
func TestVariablesAreDocumented(t *testing.T) {
	parser, err := newParser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/reference/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n| flags | variables |")
	table, _, _ := strings.Cut(rest, "\n\n")
	documented := regexp.MustCompile("KAGURAZAKA_[A-Z0-9_]+").FindAllString(table, -1)
	known := argv.Variables(parser)
	slices.Sort(documented)
	slices.Sort(known)
	if !slices.Equal(documented, known) {
		t.Errorf("the table has\n%v\nand the grammar\n%v", documented, known)
	}
	// What says what is run, or where, is never taken from the environment.
	for _, name := range []string{"plugin", "input", "output", "mixin", "mixin-cfg", "cfg", "item", "limit", "include", "exclude", "files-from", "manifest", "shard", "resume", "retry-failed",
		"run-dir", "listen", "nats", "device", "env", "backbone", "outputs-outside", "no-config", "dry-run", "prune", "force", "token-file", "accept-plugin"} {
		if slices.Contains(known, argv.Variable(name)) {
			t.Errorf("--%s has a variable", name)
		}
	}
}
