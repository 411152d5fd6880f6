package cli

import (
	"os"
	"strings"
	"testing"
)

// The documentation has each flag of the host: in the table of docs/reference/command-line.md, and in the list of those that 0.1.1 did not have.
func TestFlagsAreDocumented(t *testing.T) {
	parser, err := newParser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(path, from, to string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(b), from)
		section, _, ended := strings.Cut(rest, to)
		if !found || !ended {
			t.Fatalf("%s has no %q before %q", path, from, to)
		}
		return section
	}
	table := ""
	for row := range strings.Lines(read("../../docs/reference/command-line.md", "\n| flag |", "\nA task may declare")) {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		table += name + "\n"
	}
	newer := read("../../docs/migration.md", "\n### New flags of the host\n", "\n## ")
	old := map[string]bool{"backbone": true, "cfg": true, "mixin-cfg": true, "mixin": true, "help": true, "help-backbone": true, "help-kagurazaka": true}
	for _, f := range parser.Model.Flags {
		names := []string{"`--" + f.Name}
		if f.Short != 0 {
			names = append(names, "`-"+string(f.Short)+"`")
		}
		for _, name := range names {
			// Verbose and quiet have their short names alone in the table.
			if !strings.Contains(table, name) && !strings.Contains(table, names[len(names)-1]) {
				t.Errorf("the table of flags in docs/reference/command-line.md lacks %s", name)
			}
			if !old[f.Name] && !strings.Contains(newer, name) {
				t.Errorf("docs/migration.md lacks %s", name)
			}
		}
	}
}
