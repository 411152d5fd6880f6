package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Tmux is a terminal with one program in it.
type Tmux struct {
	tb     testing.TB
	socket string
	env    []string
}

// NewTmux starts a terminal of some columns and rows, with a command in it. env is the whole environment. After the command, "ended CODE" is
// printed. The terminal is gone at the test's end.
func NewTmux(tb testing.TB, columns, rows int, dir string, env []string, command ...string) *Tmux {
	tb.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		tb.Fatalf("these tests need tmux: %v", err)
	}
	// A socket's path must be short.
	folder, err := os.MkdirTemp("", "tmux-")
	if err != nil {
		tb.Fatal(err)
	}
	t := &Tmux{tb: tb, socket: filepath.Join(folder, "s"), env: env}
	tb.Cleanup(func() {
		_ = t.command("kill-server").Run()
		_ = os.RemoveAll(folder)
	})
	conf := filepath.Join(folder, "conf")
	if err := os.WriteFile(conf, []byte("set -g status off\nset -g history-limit 5000\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	words := append([]string{"-f", conf, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "-c", dir, "--", "env"}, env...)
	words = append(append(words, "sh", "-c", `"$@"; echo "ended $?"; exec sleep 1000`, "sh"), command...)
	if out, err := t.command(words...).CombinedOutput(); err != nil {
		tb.Fatalf("starting tmux: %v\n%s", err, out)
	}
	return t
}

// For is the same terminal for a part of its test.
func (t *Tmux) For(tb testing.TB) *Tmux { return &Tmux{tb, t.socket, t.env} }

func (t *Tmux) command(words ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-u", "-S", t.socket}, words...)...)
	cmd.Env = t.env
	return cmd
}

func (t *Tmux) do(words ...string) string {
	t.tb.Helper()
	out, err := t.command(words...).CombinedOutput()
	if err != nil {
		t.tb.Fatalf("tmux %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// Text is what the terminal shows, and what has left it at the top. Lines that it has wrapped are several.
func (t *Tmux) Text() string {
	t.tb.Helper()
	return strings.TrimRight(t.do("capture-pane", "-p", "-S", "-"), "\n") + "\n"
}

// Styled is Text with the escape sequences of its styles.
func (t *Tmux) Styled() string {
	t.tb.Helper()
	return t.do("capture-pane", "-p", "-e", "-S", "-")
}

// Wait waits until the text has a match of an expression, and returns the text.
func (t *Tmux) Wait(expression string) string {
	t.tb.Helper()
	return t.Until(regexp.MustCompile(expression).MatchString, expression)
}

// Until waits until the text is as a function says. what is what it waits for.
func (t *Tmux) Until(is func(text string) bool, what string) string {
	t.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	for {
		text := t.Text()
		if is(text) {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.tb.Fatalf("the terminal never showed %s, but\n%s", what, text)
		}
	}
}

// UntilCursor waits until the line of the cursor, up to the cursor, has a match of an expression, and returns the text.
func (t *Tmux) UntilCursor(expression string) string {
	t.tb.Helper()
	re, line := regexp.MustCompile(expression), ""
	return t.Until(func(string) bool {
		var column, row int
		if _, err := fmt.Sscan(t.do("display-message", "-p", "#{cursor_x} #{cursor_y}"), &column, &row); err != nil {
			t.tb.Fatal(err)
		}
		all := []rune(strings.TrimSuffix(t.do("capture-pane", "-p", "-S", strconv.Itoa(row), "-E", strconv.Itoa(row)), "\n"))
		for len(all) < column {
			all = append(all, ' ')
		}
		line = string(all[:column])
		return re.MatchString(line)
	}, expression+" before the cursor")
}

// Resize changes the terminal's size.
func (t *Tmux) Resize(columns, rows int) {
	t.tb.Helper()
	t.do("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
}

// Type types text, as it is.
func (t *Tmux) Type(text string) {
	t.tb.Helper()
	t.do("send-keys", "-l", "--", text)
}

// Press presses keys by tmux's names: Enter, Tab, C-c.
func (t *Tmux) Press(keys ...string) {
	t.tb.Helper()
	t.do(append([]string{"send-keys", "--"}, keys...)...)
}

// KeepNothing makes the terminal forget what is cleared.
func (t *Tmux) KeepNothing() {
	t.tb.Helper()
	t.do("set", "-g", "scroll-on-clear", "off")
}
