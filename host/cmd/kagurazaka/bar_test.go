package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// gated is a task whose items wait for files: item N until the file go-N or the file go is there. Items with a 3 in their number fail.
const gated = `import os
import time

from kagurazaka import KagurazakaTask


class Gated(KagurazakaTask):
    def __init__(self, args):
        pass

    def generate_tasks(self):
        return [{"name": "item-%03d" % i} for i in range(200)]

    def process(self, name):
        number = int(name[-3:])
        while number >= 100 and not os.path.exists("go"):
            time.sleep(0.01)
        if number % 25 == 3:
            raise ValueError("has a 3")


class Listing(Gated):
    def generate_tasks(self):
        for i in range(10000000):
            if i == 5000:
                while not os.path.exists("go"):
                    time.sleep(0.01)
                return
            yield {"name": "item-001"}
`

// onTerminal runs the host in a terminal, in a folder with the task file gated.py.
func onTerminal(t *testing.T, columns, rows int, more []string, words ...string) (*hosttest.Tmux, string) {
	t.Helper()
	python := hosttest.NeedPython(t, "../../..")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gated.py"), []byte(gated), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append([]string{
		"HOME=" + dir, "PATH=" + filepath.Join(built, "bin") + ":" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm-256color", "KAGURAZAKA_PYTHON=" + python,
		"XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "XDG_STATE_HOME=" + filepath.Join(dir, ".state"), mark + "=" + dir,
	}, more...)
	goneAtEnd(t, dir)
	return hosttest.NewTmux(t, columns, rows, dir, env, words...), dir
}

// goneAtEnd waits at the test's end until the processes in a folder are gone.
func goneAtEnd(t *testing.T, dir string) {
	t.Cleanup(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		deadline := time.NewTimer(30 * time.Second)
		defer deadline.Stop()
		for {
			left := hosttest.Processes(mark + "=" + dir)
			if len(left) == 0 {
				return
			}
			select {
			case <-tick.C:
			case <-deadline.C:
				t.Fatalf("processes are left: %v", left)
			}
		}
	})
}

func let(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

var (
	numbers = regexp.MustCompile(`\d[\d,.:]*`)
	drawn   = regexp.MustCompile(`[━─]{8,}`)
)

// masked is a line with N for each number, and with a bar as long as it was, but of one kind.
func masked(line string) string {
	line = drawn.ReplaceAllStringFunc(line, func(bar string) string { return strings.Repeat("━", len([]rune(bar))) })
	return strings.TrimRight(numbers.ReplaceAllString(line, "N"), " ")
}

// footOf is the last line that has a match of an expression.
func footOf(text, expression string) string {
	re := regexp.MustCompile(expression)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if re.MatchString(lines[i]) {
			return lines[i]
		}
	}
	return ""
}

// The bar at three widths, as docs/how-to/watching.md shows it. Numbers differ from run to run, and so does the room that they leave to the bar.
func TestBarOnTerminals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		columns int
		want    string
	}{
		{40, `^ N%    N/N  N failed$|^ N%  ━{8,}  N/N  N failed$`},
		{80, `^ N%  ━{8,}  N/N( +N (items/s|s/item))?(  ETA N)?  N failed  N/N workers(  N)?$`},
		{200, `^ N%  ━{30,}  N/N( +N (items/s|s/item))?(  ETA N)?  N failed  N/N workers  N$`},
	}
	page, err := os.ReadFile("../../../docs/how-to/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.columns), func(t *testing.T) {
			t.Parallel()
			_, shown, _ := strings.Cut(string(page), fmt.Sprintf("f %d columns:\n\n```text\n", tt.columns))
			shown, _, _ = strings.Cut(shown, "\n")
			if !regexp.MustCompile(tt.want).MatchString(masked(shown)) || len([]rune(shown)) >= tt.columns {
				t.Errorf("docs/how-to/watching.md shows another bar of %d columns: %q", tt.columns, shown)
			}
			terminal, dir := onTerminal(t, tt.columns, 20, nil, "kagurazaka", "--num_process", "2", "--chunksize", "1", "gated.py", "Gated")
			text := terminal.Wait(`(?m)100/200.* failed`)
			if got := masked(footOf(text, "/200")); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("the bar is\n%s\nmasked\n%s", footOf(text, "/200"), got)
			}
			if styled := terminal.Styled(); !strings.Contains(styled, "\x1b[31m") {
				t.Errorf("nothing is red in %q", styled)
			}
			let(t, dir)
			text = terminal.Wait(`(?m)^ended \d+$`)
			if regexp.MustCompile(`[━─]{8}`).MatchString(text) {
				t.Errorf("the bar is left at the end:\n%s", text)
			}
		})
	}
}

// A terminal that changes its size all the time, while text is printed above the bar: nothing of the bar is left anywhere, and no text is lost.
func TestBarSurvivesResizing(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"bar", "full"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			terminal, dir := onTerminal(t, 120, 30, nil, "kagurazaka", "--progress", kind, "--num_process", "2", "--chunksize", "1", "gated.py", "Gated")
			terminal.Wait(`100/200`)
			for i := range 40 {
				columns := []int{40, 133, 61, 200, 24, 80}[i%6]
				terminal.Resize(columns, []int{30, 12, 24}[i%3])
			}
			terminal.Resize(100, 30)
			// The bar is as wide as the terminal again.
			text := terminal.Until(func(text string) bool {
				return regexp.MustCompile(`(?m)[━─]{20,}  100/200 .*workers  \d+:\d+$`).MatchString(text)
			}, "a bar of 100 columns")
			if n := len(regexp.MustCompile(`/200`).FindAllString(text, -1)); n != 1 {
				t.Errorf("there are parts of %d bars:\n%s", n, text)
			}
			if n := len(regexp.MustCompile(`item-\d+.*: has a 3`).FindAllString(text, -1)); n != 4 {
				t.Errorf("%d of 4 failed items are shown:\n%s", n, text)
			}
			let(t, dir)
			text = terminal.Wait(`(?m)^ended \d+$`)
			if regexp.MustCompile(`[━─]{8}|/200`).MatchString(text) {
				t.Errorf("a bar is left:\n%s", text)
			}
		})
	}
}

func TestBarOfAListing(t *testing.T) {
	t.Parallel()
	terminal, dir := onTerminal(t, 80, 20, nil, "kagurazaka", "--num_process", "2", "--chunksize", "1", "gated.py", "Listing")
	text := terminal.Wait(`(?m)[━─]{8,}  [\d,]+( of [\d,]+\+)?, listing`)
	if foot := footOf(text, "listing"); strings.Contains(foot, "%") || strings.Contains(foot, "ETA") {
		t.Errorf("the bar pretends to know: %s", foot)
	}
	let(t, dir)
	terminal.Wait(`(?m)^ended \d+$`)
}

func TestFullOnATerminal(t *testing.T) {
	t.Parallel()
	terminal, dir := onTerminal(t, 80, 20, nil, "kagurazaka", "--progress", "full", "--num_process", "3", "--chunksize", "1", "gated.py", "Gated")
	text := terminal.Wait(`(?m)100/200.*\n  w0  \d:\d\d  .*item-1\d\d.*\n  w1  \d:\d\d  .*item-1\d\d.*\n  w2  \d:\d\d  .*item-1\d\d.*$`)
	if strings.Count(text, "  w1 ") != 1 {
		t.Errorf("the lines are not drawn over:\n%s", text)
	}
	// On a terminal of five lines there is room for the bar and one line.
	terminal.Resize(80, 5)
	terminal.Wait(`(?m)100/200.*\n  and 3 more$`)
	let(t, dir)
	terminal.Wait(`(?m)^ended \d+$`)
}

// NO_COLOR, TERM=dumb and --color decide on colors, for the bar, logs, errors and help alike.
func TestColorOnATerminal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		env     []string
		words   []string
		inColor bool
	}{
		{"a terminal", nil, nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, nil, false},
		{"never", nil, []string{"--color", "never"}, false},
		{"always", []string{"NO_COLOR=1"}, []string{"--color=always"}, true},
		{"dumb", []string{"TERM=dumb"}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			words := append([]string{"kagurazaka"}, tt.words...)
			for about, more := range map[string][]string{
				"a run": {"--num_process", "1", "gated.py", "Gated"}, "help": {"gated.py", "Gated", "-h"}, "an error": {"gated.py", "Nothing"},
			} {
				terminal, dir := onTerminal(t, 80, 40, tt.env, append(words, more...)...)
				let(t, dir)
				terminal.Wait(`(?m)^ended \d+$`)
				if styled := terminal.Styled(); strings.Contains(styled, "\x1b[") != tt.inColor {
					t.Errorf("%s: colors are not %v in\n%q", about, tt.inColor, styled)
				}
			}
		})
	}
}
