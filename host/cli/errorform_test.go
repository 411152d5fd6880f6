package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// where begins an error about usage: flags, words in capital letters, commands, or what a verb prints, with a colon.
var where = regexp.MustCompile(`^(--?[a-zA-Z%][a-z0-9-]*|%[sqv]|[A-Z]+|launch|help|batch_by)( %[sdqv]| [a-z]+)?(, --?[a-z-]+( %[sdqv])?|, [A-Z]+)*: .`)

// aboutMachines are the beginnings of errors about no word of the user: a machine, a run or a plugin is not as it must be.
var aboutMachines = regexp.MustCompile(`^(this machine|the run|the plugin|the executable|telling the launcher|by an earlier description|%s; hint: %s$|%s holds the run|%s is )`)

// TestUsageErrorsHaveOneForm reads the host's sources: what exitcode.Usagef says begins with WHERE, and has one hint at most.
func TestUsageErrorsHaveOneForm(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is || len(call.Args) == 0 {
				return true
			}
			if f, is := call.Fun.(*ast.SelectorExpr); !is || f.Sel.Name != "Usagef" {
				return true
			}
			literal, is := call.Args[0].(*ast.BasicLit)
			if !is {
				return true
			}
			found++
			text, err := strconv.Unquote(literal.Value)
			switch {
			case err != nil:
				t.Error(err)
			case !where.MatchString(text) && !aboutMachines.MatchString(text):
				t.Errorf("%s: %q does not begin with WHERE: the flag as typed, or file and line", files.Position(call.Pos()), text)
			case strings.Count(text, "hint:") > 1 || strings.Contains(text, "hint:") && !strings.Contains(text, "; hint: "):
				t.Errorf("%s: %q: a hint is written \"; hint: \"", files.Position(call.Pos()), text)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 50 {
		t.Fatalf("%d messages, %v", found, err)
	}
}
