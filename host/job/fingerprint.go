package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// fingerprint stands for what makes the outputs of a run: the hash of the plugin's files and of the modules of a Python task file that are
// its own, the task's arguments, and its output mode. What says which items there are is not in it, and neither is where they lie.
func (s *Session) fingerprint(spec *Spec, pluginHash string) string {
	code := []string{pluginHash}
	for _, path := range slices.Sorted(slices.Values(s.sources)) {
		sum, err := trust.File(path)
		if err != nil {
			sum = "missing"
		}
		code = append(code, filepath.Base(path), sum)
	}
	of := map[string]any{"code": code, "task": spec.Task.Name, "args": spec.Args}
	if spec.Template != nil {
		of["output"] = spec.Template.Get(template.RoleOutput).Plain()
	}
	if s.Made {
		of["mixin"] = spec.Mixin
	}
	text, _ := json.Marshal(of)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// checkRedo refuses to do items again by what made them where nothing tells.
func (s *Session) checkRedo(spec *Spec) error {
	if spec.Template == nil {
		return nil
	}
	check := spec.Template.Get(template.RoleFinishCheck)
	if redo := check.Get("redo"); redo.IsNull() || redo.Scalar != template.RedoChanged {
		return nil
	}
	if _, builtIn := template.SpecOf(check.Mode); !builtIn {
		// A field of the task's own mode that has the same name.
		return nil
	}
	const field = template.RoleFinishCheck + ".redo"
	switch {
	case !spec.KnowsDone():
		return exitcode.Usagef("%s: changed asks the ledger of the host, but the plugin itself finds out which items of %s are finished; hint: newer can be used", field, spec.Task.Name)
	case s.Flags.NoLedger:
		return exitcode.Usagef("%s: changed needs a ledger, so it does not go together with --no-ledger", field)
	}
	return nil
}

// made knows what made the outputs of a run's items; nil: it does not matter.
func (s *Session) made(spec *Spec) (plan.Made, error) {
	t := spec.compiled()
	if t == nil || t.Finish == nil || !t.Finish.Changed {
		return nil, s.checkRedo(spec)
	}
	if err := s.checkRedo(spec); err != nil {
		return nil, err
	}
	pin := s.pin
	if pin == nil {
		hash, err := s.Found.Hash()
		if err != nil {
			return nil, fmt.Errorf("hashing the plugin: %w", err)
		}
		pin = &hash
	}
	named, err := s.namedRuns()
	if err != nil {
		return nil, err
	}
	root, err := ledger.Root()
	if err != nil && len(named) == 0 {
		return nil, err
	}
	runs, err := ledger.Known(root, named, func(i *ledger.Info) bool { return i.Task == spec.Task.Name && i.Plugin.Name == spec.Plugin.Name })
	if err != nil {
		return nil, err
	}
	folder, _ := os.Getwd()
	runs = slices.DeleteFunc(runs, func(r ledger.Run) bool {
		// Relative paths of another folder are other files.
		return r.Info.Folder != folder && !filepath.IsAbs(t.OutputPath)
	})
	found, err := ledger.ReadMade(runs, s.fingerprint(spec, pin.Sum))
	if err != nil {
		return nil, err
	}
	return found, nil
}

// namedRuns are the folders of runs that the command line names: that of --run-dir, and a RUN that is a folder.
func (s *Session) namedRuns() (folders []string, err error) {
	f := &s.Flags.LedgerFlags
	names := []string{f.RunDir}
	for _, word := range []string{f.Resume, f.RetryFailed} {
		// Others are below the folder of all runs.
		if strings.ContainsRune(word, filepath.Separator) || word != "" && ledger.IsRun(word) {
			names = append(names, word)
		}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		dir, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		folders = append(folders, dir)
	}
	return folders, nil
}
