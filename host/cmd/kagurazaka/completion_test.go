package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// completing is a task for completion: with an argument that has choices, and one with underscores.
const completing = `import argparse

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=KAGURAZAKA_MIXIN_PLACEHOLDER, output_path=KAGURAZAKA_MIXIN_PLACEHOLDER),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".upper"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Upper(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--mode", choices=["fast", "fine"], help="How it is done.")
        p.add_argument("--max_size", type=int)
        self.args = p.parse_args(args)

    def process(self, input, output, **kwargs):
        pass
`

// shellOf are the shells in which completion is tested, with what starts them and what loads the completion.
var shellOf = map[string]struct {
	start []string
	load  string
}{
	"bash": {[]string{"bash", "--norc", "--noprofile", "-i"}, `PS1='> '; bind 'set bell-style none' 'set show-all-if-ambiguous on' 'set completion-query-items 0' 'set page-completions off'; source <(kagurazaka completion bash)`},
	"zsh":  {[]string{"zsh", "-f", "-i"}, `PS1='> '; autoload -U compinit; compinit -u -D; setopt no_beep; LISTMAX=0; source <(kagurazaka completion zsh)`},
	"fish": {[]string{"fish", "--no-config", "-i"}, `function fish_prompt; echo -n '> '; end; function fish_greeting; end; kagurazaka completion fish | source`},
}

// A completion of the real shell in a terminal: what is typed before the Tab key, and what the line or the terminal has then.
type completionCase struct {
	name, typed string
	// line is an expression for the command line after the key, list are expressions for all that is shown; absent are some that it must not have.
	line         string
	list, absent []string
}

func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	cases := []completionCase{
		{name: "a command", typed: "kagurazaka comple", line: `kagurazaka completion $`},
		{name: "a shell", typed: "kagurazaka completion f", line: `kagurazaka completion fish $`},
		{name: "a task", typed: "kagurazaka upper.py Up", line: `kagurazaka upper.py Upper $`},
		{name: "the first key", typed: "kagurazaka upper.py Upper --mixin hard_shard_mode.in", line: `--mixin hard_shard_mode.input_path=$`},
		{name: "the second key", typed: "kagurazaka upper.py Upper --mixin hard_shard_mode.input_path=texts hard_shard_mode.out", line: `=texts hard_shard_mode.output_path=$`},
		{name: "a folder as a value", typed: "kagurazaka upper.py Upper --mixin hard_shard_mode.input_path=te", line: `hard_shard_mode.input_path=texts/$`},
		{name: "a name with a space", typed: "kagurazaka upper.py Upper --mixin hard_shard_mode.input_path=wi", line: `hard_shard_mode.input_path=with\\ space/$`},
		{name: "a mode", typed: "kagurazaka upper.py Upper --mixin input_mode.mode=InputByGr", line: `input_mode.mode=InputByGroup $`},
		{name: "a value behind =", typed: "kagurazaka --progress=pl", line: `--progress=plain $`},
		{name: "a value", typed: "kagurazaka --color ne", line: `--color never $`},
		{name: "a file behind =", typed: "kagurazaka --cfg=co", line: `--cfg=conf.yaml $`},
		{name: "a file", typed: "kagurazaka --cfg co", line: `--cfg conf.yaml $`},
		{name: "a choice of the task", typed: "kagurazaka upper.py Upper --mode=fi", line: `--mode=fine $`},
		{name: "hyphens", typed: "kagurazaka upper.py Upper --num-p", line: `--num-process $`},
		{name: "flags of a command", typed: "kagurazaka show --", list: []string{`--traceback`, `--failed`, `--json`}, absent: []string{`--mixin`, `--num`}},
		{name: "runs", typed: "kagurazaka show 2", line: `kagurazaka show 2\d{7}-\d+-[0-9a-f]+ $`},
		{name: "a run behind =", typed: "kagurazaka --resume=2", line: `--resume=2\d{7}-\d+-[0-9a-f]+ $`},
		{name: "a run for --from", typed: "kagurazaka export --from 2", line: `--from 2\d{7}-\d+-[0-9a-f]+ $`},
		{name: "a choice of a command", typed: "kagurazaka shard --by ha", line: `--by hash $`},
	}
	for shell := range shellOf {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil && shell != "bash" {
				t.Skipf("the machine has no %s", shell)
			}
			terminal := startShell(t, shell)
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.check(t, shell, terminal) })
			}
			if shell != "bash" {
				t.Run("descriptions", func(t *testing.T) {
					completionCase{typed: "kagurazaka show --", list: []string{`--traceback.*[A-Za-z]{4,} [a-z]+`}}.check(t, shell, terminal)
				})
			}
		})
	}
}

// startShell starts a shell with completion in a folder with a task file, files and one run.
func startShell(t *testing.T, shell string) *hosttest.Tmux {
	t.Helper()
	python := hosttest.NeedPython(t, "../../..")
	dir := t.TempDir()
	for name, text := range map[string]string{"upper.py": completing, "conf.yaml": "{}\n", "texts/a.txt": "a\n", "with space/b.txt": "b\n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{
		"HOME=" + dir, "PATH=" + filepath.Join(built, "bin") + ":" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm-256color", "KAGURAZAKA_PYTHON=" + python,
		"XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "XDG_STATE_HOME=" + filepath.Join(dir, ".state"), mark + "=" + dir,
	}
	run := exec.Command(filepath.Join(built, "bin", "kagurazaka"), filepath.Join(built, "plugins", "noop"), "Noop", "--count", "1")
	run.Dir, run.Env = dir, env
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	goneAtEnd(t, dir)
	terminal := hosttest.NewTmux(t, 160, 50, dir, env, shellOf[shell].start...)
	terminal.KeepNothing()
	terminal.Wait(`\S`)
	terminal.Type(shellOf[shell].load)
	terminal.Press("Enter")
	terminal.Type("echo load''ed")
	terminal.Press("Enter")
	terminal.Wait(`(?m)^loaded$`)
	return terminal
}

func (c completionCase) check(t *testing.T, shell string, in *hosttest.Tmux) {
	t.Helper()
	terminal := in.For(t)
	// Ctrl-C would make a shell drop what is typed after it; fish needs it to close its list.
	if shell == "fish" {
		terminal.Press("C-c")
	}
	terminal.Press("C-u", "C-l")
	terminal.Until(func(text string) bool { return strings.TrimSpace(text) == ">" }, "an empty line alone")
	terminal.Type(c.typed)
	terminal.Wait(regexp.QuoteMeta(c.typed))
	terminal.Press("Tab")
	if c.line != "" {
		// A space at the end is where the cursor is.
		text := terminal.UntilCursor(c.line)
		if n := strings.Count(text, "> "+c.typed[:10]); n != 1 {
			t.Errorf("%d command lines in\n%s", n, text)
		}
		return
	}
	for _, want := range c.list {
		terminal.Wait(`(?s)` + regexp.QuoteMeta(c.typed) + `.*` + want)
	}
	for _, absent := range c.absent {
		if text := terminal.Text(); regexp.MustCompile(absent).MatchString(text) {
			t.Errorf("there is %s in\n%s", absent, text)
		}
	}
}
