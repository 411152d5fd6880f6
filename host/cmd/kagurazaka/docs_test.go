package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// block is a fenced block of a page.
type block struct {
	page, section string
	line          int
	language      string
	// tested is what a comment before the block names as its test.
	tested string
	lines  []string
}

// commands are the lines that a user types.
func (b block) commands() (typed []string) {
	whole := ""
	for _, l := range b.lines {
		if b.language == "console" {
			rest, isCommand := strings.CutPrefix(l, "$ ")
			if !isCommand && whole == "" {
				continue
			}
			if isCommand {
				l = rest
			}
		}
		if whole += strings.TrimSpace(l); strings.HasSuffix(whole, `\`) {
			whole = strings.TrimSuffix(whole, `\`)
			continue
		}
		if whole != "" && !strings.HasPrefix(whole, "#") {
			typed = append(typed, whole)
		}
		whole = ""
	}
	return typed
}

// shells are the languages of blocks with commands.
var shells = []string{"sh", "bash", "console"}

var testedBy = regexp.MustCompile(`^<!-- tested by (.+) -->$`)

// blocks reads the fenced blocks of a page. A block is in the section of the heading before it.
func blocks(t fatal, root, page string) (found []block) {
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatalf("%v", err)
	}
	section, tested, in := "", "", false
	for i, l := range strings.Split(string(text), "\n") {
		switch fence, isFence := strings.CutPrefix(l, "```"); {
		case isFence && !in:
			in = true
			found = append(found, block{page: page, section: section, line: i + 1, language: fence, tested: tested})
			tested = ""
		case isFence:
			in = false
		case in:
			last := &found[len(found)-1]
			last.lines = append(last.lines, l)
		case strings.HasPrefix(l, "#"):
			section = strings.TrimSpace(strings.TrimLeft(l, "#"))
		case testedBy.MatchString(l):
			tested = testedBy.FindStringSubmatch(l)[1]
		case strings.HasPrefix(l, "    kagurazaka ") || strings.HasPrefix(l, "    $ "):
			t.Fatalf("%s:%d: put this command into a block of ```sh, so that a test can run it", page, i+1)
		}
	}
	return found
}

type fatal interface {
	Fatalf(format string, args ...any)
}

// doc FILE PAGE [SECTION [LANGUAGE]] writes the blocks of a page into a file, but those that a comment says another test runs. LANGUAGE is sh if it
// is not given; an empty SECTION is the whole page.
func doc(ts *testscript.TestScript, _ bool, args []string) {
	args = append(args, "", "")[:max(len(args), 4)]
	var text []string
	for _, b := range blocks(ts, ts.Getenv("CHECKOUT"), args[1]) {
		if b.tested == "" && taken(b, args) {
			if b.language == "console" {
				b.lines = b.commands()
			}
			text = append(text, b.lines...)
		}
	}
	if text == nil {
		ts.Fatalf("%s has no such block", strings.Join(args[1:], " "))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(text, "\n")+"\n"), 0o644))
}

// taken reports whether the command doc with these words takes a block.
func taken(b block, args []string) bool {
	args = append(slices.Clone(args), "", "", "")
	language := args[3]
	if language == "" {
		language = "sh"
	}
	return b.page == args[1] && (args[2] == "" || b.section == args[2]) && b.language == language
}

// Every command of the documents is run by a script, or by the test that a comment before it names. With -v, this lists them.
func TestEveryCommandOfTheDocumentsIsRun(t *testing.T) {
	const root = "../../.."
	pages := []string{"README.md", "CONTRIBUTING.md"}
	for _, dir := range []string{"docs", "examples", "plugins"} {
		if err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if page, _ := filepath.Rel(root, path); err == nil && filepath.Ext(path) == ".md" && page != "docs/benchmarks/results.md" {
				pages = append(pages, page)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	var runs [][]string
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^doc (.+)$`).FindAllStringSubmatch(string(text), -1) {
			words := regexp.MustCompile(`'([^']*)'|\S+`).FindAllString(m[1], -1)
			for i := range words {
				words[i] = strings.Trim(words[i], "'")
			}
			runs = append(runs, append(append(words, "", "")[:max(len(words), 4)], strings.TrimSuffix(filepath.Base(s), ".txtar")))
		}
	}
	list := ""
	for _, page := range pages {
		for _, b := range blocks(t, root, page) {
			if !slices.Contains(shells, b.language) {
				continue
			}
			for _, r := range runs {
				if b.tested == "" && taken(b, r[:4]) {
					b.tested = "script " + r[4]
				}
			}
			if b.tested == "" {
				t.Errorf("%s:%d: no script runs this block. Run it (see the command doc), or write <!-- tested by TEST --> before it", page, b.line)
			}
			if name, isScript := strings.CutPrefix(b.tested, "script "); !isScript {
				for name := range strings.SplitSeq(name, ", ") {
					mustExist(t, root, fmt.Sprintf("%s:%d", page, b.line), name)
				}
			}
			for _, c := range b.commands() {
				list += fmt.Sprintf("%s: %s (%s)\n", page, c, b.tested)
			}
		}
	}
	t.Log("every command of the documents, with its test:\n" + list)
}

// mustExist checks that a named test exists: TestX is a Go test, test_x one of pytest, "task x" a task, and anything else a file.
func mustExist(t *testing.T, root, where, name string) {
	t.Helper()
	var err error
	switch task, isTask := strings.CutPrefix(name, "task "); {
	case isTask:
		err = exec.Command("grep", "-qE", "^  '?"+task+"'?:$", filepath.Join(root, "Taskfile.yml")).Run()
	case strings.HasPrefix(name, "Test"):
		err = exec.Command("grep", "-rqE", "--include=*_test.go", "^func "+name+`\(`, root+"/host", root+"/plugins").Run()
	case strings.HasPrefix(name, "test_"):
		err = exec.Command("grep", "-rqE", "--include=test_*.py", "^ *def "+name+`\(`, root+"/sdk/python/tests").Run()
	default:
		_, err = os.Stat(filepath.Join(root, name))
	}
	if err != nil {
		t.Errorf("%s: no test %s", where, name)
	}
}
