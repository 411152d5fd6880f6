package job

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// LastSame is the RUN of a --resume or --retry-failed without one.
const LastSame = "last-same"

// earlier is the run that this one resumes.
type earlier struct {
	run ledger.Run
	// how is ledger.Resume or ledger.RetryFailed.
	how   string
	state *ledger.State
}

// check returns all problems of the flags about ledgers. A run that is named must be there.
func (f *LedgerFlags) check() (problems []problem.Problem) {
	if f.Resume != "" && f.RetryFailed != "" {
		problems = append(problems, problem.Problem{
			Source: "--resume", Message: "does not go together with --retry-failed",
			Suggestion: "--resume does the failed items again, too, and those that the run never came to",
		})
	}
	for _, flag := range [][2]string{{"--run-dir", f.RunDir}, {"--resume", f.Resume}, {"--retry-failed", f.RetryFailed}} {
		if f.NoLedger && flag[1] != "" {
			problems = append(problems, problem.Problem{
				Source: "--no-ledger", Message: "does not go together with " + flag[0], Suggestion: "leave one of them out",
			})
		}
	}
	for _, flag := range [][2]string{{"--resume", f.Resume}, {"--retry-failed", f.RetryFailed}} {
		if flag[1] == "" || flag[1] == LastSame {
			continue
		}
		if _, err := findNamed(flag[1]); err != nil {
			problems = append(problems, problem.Problem{Source: flag[0] + " " + terminal.Quote(flag[1]), Message: err.Error()})
		}
	}
	return problems
}

// findNamed finds the run that a word of the command line names.
func findNamed(word string) (ledger.Run, error) {
	root, err := ledger.Root()
	if err != nil && !strings.ContainsRune(word, filepath.Separator) && !ledger.IsRun(word) {
		return ledger.Run{}, err
	}
	return ledger.Find(root, word)
}

func (e *execution) findEarlier(mine ledger.Info) (*earlier, error) {
	f := &e.Flags.LedgerFlags
	word, how, flag := f.Resume, ledger.Resume, "--resume"
	if f.RetryFailed != "" {
		word, how, flag = f.RetryFailed, ledger.RetryFailed, "--retry-failed"
	}
	if word == "" {
		return nil, nil
	}
	if word != LastSame {
		flag += " " + terminal.Quote(word)
	}
	found, err := e.findRun(word, flag, mine)
	if err != nil {
		return nil, exitcode.Usagef("%s: %w", flag, err)
	}
	if found == nil {
		e.Log.Info("there is no run to take up yet: this is the first one", "folder", f.RunDir)
		return nil, nil
	}
	if ledger.StatusOf(found.Dir, found.Info) == ledger.Running {
		return nil, exitcode.Usagef("%s: the run %s is still under way (process %d on %s)", flag, found.Info.ID, found.Info.PID, found.Info.Host)
	}
	if found.Info.Task != mine.Task || found.Info.Plugin.Name != mine.Plugin.Name {
		return nil, exitcode.Usagef("%s: the run %s is of another task, %s of %s", flag, found.Info.ID, found.Info.Task, found.Info.Plugin.Name)
	}
	if mine, theirs := shardOf(mine), shardOf(*found.Info); f.RunDir != "" && mine != theirs {
		return nil, exitcode.Usagef("%s: the run %s in %s is of another shard, %s; this one is %s; hint: give each shard a --run-dir of its own", flag, found.Info.ID, f.RunDir, theirs, mine)
	}
	if !slices.Equal(found.Info.Args, mine.Args) {
		e.Log.Warn("the run that is taken up had other arguments", "run", found.Info.ID, "then", terminal.Line(strings.Join(found.Info.Args, " "), 200), "now", terminal.Line(strings.Join(mine.Args, " "), 200))
	}
	if !sameJSON(found.Info.Template, mine.Template) {
		e.Log.Warn("the run that is taken up had another template", "run", found.Info.ID, "differs", strings.Join(differing(found.Info.Template, mine.Template), ", "))
	}
	if found.Info.Filter != mine.Filter {
		e.Log.Info("the run that is taken up listed by other patterns", "run", found.Info.ID, "then", cmp.Or(found.Info.Filter, "all items"), "now", cmp.Or(mine.Filter, "all items"))
	}
	return &earlier{run: *found, how: how}, nil
}

// differing are the parts of two templates that are not the same.
func differing(a, b json.RawMessage) (parts []string) {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return nil
	}
	for name, value := range x {
		if !sameJSON(value, y[name]) {
			parts = append(parts, name)
		}
	}
	for name := range y {
		if _, has := x[name]; !has {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts)
	return parts
}

// findRun finds the run that a word names; nil: the folder of --run-dir holds none yet.
func (e *execution) findRun(word, flag string, mine ledger.Info) (*ledger.Run, error) {
	f := &e.Flags.LedgerFlags
	if word == LastSame && f.RunDir != "" {
		if ledger.IsRun(f.RunDir) {
			found, err := ledger.Find("", pathOf(f.RunDir))
			return &found, err
		}
		if found, ok := ledger.Aside(f.RunDir); ok {
			return &found, nil
		}
		return nil, nil
	}
	if word != LastSame {
		found, err := findNamed(word)
		return &found, err
	}
	root, err := ledger.Root()
	if err != nil {
		return nil, err
	}
	runs, err := ledger.List(root)
	if err != nil {
		return nil, err
	}
	var part *ledger.Run
	for _, run := range runs {
		switch {
		case run.Err != nil || !same(run.Info, mine):
		case run.Info.Selection == "" && run.Info.Filter == mine.Filter || run.Info.Parent != nil:
			return &run, nil
		case part == nil:
			// A run of some items alone, or of those that other patterns leave, knows nothing of the run of all that came before it.
			part = &run
		}
	}
	if part != nil {
		return part, nil
	}
	return nil, fmt.Errorf("there is no earlier run of this plugin and task with these arguments and this template, started in this folder; hint: kagurazaka runs lists all, and %s=RUN takes up one of them", flag)
}

// pathOf makes sure that a folder is not taken for an id.
func pathOf(dir string) string { return dir + string(filepath.Separator) }

// same reports whether a run did what this one is to do.
func same(other *ledger.Info, mine ledger.Info) bool {
	return other.Plugin.Path == mine.Plugin.Path && other.Task == mine.Task && other.Folder == mine.Folder &&
		slices.Equal(other.Args, mine.Args) && other.Shard == mine.Shard && sameJSON(other.Template, mine.Template)
}

// shardOf is the part of the items that a run takes, in a form to be compared and shown.
func shardOf(info ledger.Info) string {
	var t struct {
		Shard json.RawMessage `json:"soft_shard"`
	}
	if info.Shard != "" {
		return info.Shard
	}
	if json.Unmarshal(info.Template, &t) != nil || len(t.Shard) == 0 {
		return "all items"
	}
	var text bytes.Buffer
	_ = json.Compact(&text, t.Shard)
	return text.String()
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// read reads the earlier run's state; keys: with the keys of its items. It moves that run aside first if this one uses its folder.
func (t *earlier) read(runDir string, keys bool) error {
	if runDir != "" && ledger.IsRun(runDir) {
		mine, err := os.Stat(runDir)
		theirs, theirErr := os.Stat(t.run.Dir)
		if err := errors.Join(err, theirErr); err != nil {
			return err
		}
		if os.SameFile(mine, theirs) {
			if runDir, err = filepath.Abs(runDir); err == nil {
				t.run.Dir, err = ledger.MoveAside(runDir)
			}
			if err != nil {
				return err
			}
		}
	}
	var err error
	t.state, err = ledger.ReadState(t.run.Dir, keys)
	return err
}
