package cli

import (
	"os"
	"strings"
	"testing"
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
