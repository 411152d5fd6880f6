package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/userdir"
)

// earlierFolder is where the folder of a run keeps the runs that it held before it was resumed in place.
const earlierFolder = "earlier"

// FleetFolder is the folder in that of a run for what its machines share. It stays when a run is moved aside, and is not the ledger's.
const FleetFolder = "fleet"

// Root is the folder of all runs, which may not exist: runs in the folder that userdir.State finds.
func Root() (string, error) {
	dir, _, err := userdir.State()
	if err != nil {
		return "", fmt.Errorf("finding the folder for ledgers (--run-dir gives one): %w", err)
	}
	return filepath.Join(dir, "runs"), nil
}

// Run is a run that was found.
type Run struct {
	Dir string
	// Info is what can be read of run.json, and has an ID in any case.
	Info *Info
	// Err is why run.json cannot be read; a *DamagedError where it is cut.
	Err error
}

// IsRun reports whether a folder is that of a run.
func IsRun(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, infoFile))
	return err == nil && info.Mode().IsRegular()
}

// List returns the runs below root, the newest first.
func List(root string) ([]Run, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	var runs []Run
	for _, e := range slices.Backward(entries) {
		if dir := filepath.Join(root, e.Name()); IsRun(dir) {
			runs = append(runs, readRun(dir))
		}
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(b.Info.ID, a.Info.ID) })
	return runs, nil
}

// Known returns the runs below root, those in other folders with the runs that were moved aside there, and the runs that they took up, wherever these
// are. Only runs that may pass count. The newest come first, and a run before the one that it took up, whatever the clocks of their machines said.
func Known(root string, folders []string, may func(*Info) bool) ([]Run, error) {
	below, err := List(root)
	if err != nil {
		return nil, err
	}
	found := map[string]Run{}
	var open []Run
	add := func(runs ...Run) {
		for _, r := range runs {
			if _, known := found[r.Info.ID]; !known && r.Err == nil && may(r.Info) {
				found[r.Info.ID], open = r, append(open, r)
			}
		}
	}
	look := func(dir string) {
		if IsRun(dir) {
			add(readRun(dir))
		}
		beside := filepath.Join(dir, earlierFolder)
		if above := filepath.Dir(dir); filepath.Base(above) == earlierFolder {
			beside = above
		}
		// A folder that cannot be read tells nothing.
		aside, _ := List(beside)
		add(aside...)
	}
	for _, dir := range folders {
		look(dir)
	}
	add(below...)
	for i := 0; i < len(open); i++ {
		if p := open[i].Info.Parent; p != nil {
			if _, known := found[p.ID]; !known {
				look(p.Dir)
			}
		}
	}
	order(open, found)
	return open, nil
}

// order sorts runs by their ids, the newest first. A run whose id is not above that of the run it took up counts as begun right after that.
func order(runs []Run, byID map[string]Run) {
	type rank struct {
		id    string
		after int
	}
	ranks := map[string]rank{}
	for _, r := range runs {
		// From the newest run to the oldest, then back.
		var chain []Run
		for next, ok := r, true; ok && len(chain) <= len(runs); {
			if _, ranked := ranks[next.Info.ID]; ranked {
				break
			}
			chain = append(chain, next)
			if next.Info.Parent == nil {
				break
			}
			next, ok = byID[next.Info.Parent.ID]
		}
		for _, r := range slices.Backward(chain) {
			mine := rank{id: r.Info.ID}
			if p := r.Info.Parent; p != nil {
				if theirs := ranks[p.ID]; mine.id <= theirs.id {
					mine = rank{theirs.id, theirs.after + 1}
				}
			}
			ranks[r.Info.ID] = mine
		}
	}
	slices.SortStableFunc(runs, func(a, b Run) int {
		x, y := ranks[a.Info.ID], ranks[b.Info.ID]
		return cmp.Or(cmp.Compare(y.id, x.id), cmp.Compare(y.after, x.after))
	})
}

func readRun(dir string) Run {
	info, err := ReadInfo(dir)
	if damaged := new(DamagedError); errors.As(err, &damaged) {
		info = damaged.Info
	} else if err != nil {
		info = &Info{ID: filepath.Base(dir)}
	}
	return Run{dir, info, err}
}

// Find returns the run that a word names: last, a folder, an id or its beginning. A *DamagedError comes with the run. An error does not
// name the word: the caller knows where it stands.
func Find(root, word string) (Run, error) {
	if strings.ContainsRune(word, filepath.Separator) || IsRun(word) {
		return findFolder(word)
	}
	runs, err := List(root)
	if err != nil {
		return Run{}, err
	}
	if word == "last" {
		if len(runs) == 0 {
			return Run{}, fmt.Errorf("there is no run yet in %s", root)
		}
		return runs[0], runs[0].Err
	}
	var found []Run
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.Info.ID)
		if r.Info.ID == word {
			return r, r.Err
		}
		if strings.HasPrefix(r.Info.ID, word) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return Run{}, fmt.Errorf("no such run%s", problem.Hint(problem.Near(word, ids), newest(ids)))
	case 1:
		return found[0], found[0].Err
	}
	return Run{}, fmt.Errorf("%d runs begin with it, %s and %s among them; hint: give more of the id; kagurazaka runs lists them", len(found), found[0].Info.ID, found[1].Info.ID)
}

// newest is the hint for a run that was not found. The newest ids come first.
func newest(ids []string) string {
	const shown = 3
	switch {
	case len(ids) == 0:
		return "there is no run yet; a run with --run-dir is named by its folder"
	case len(ids) == 1:
		return "the only one is " + ids[0]
	}
	return "the newest are " + strings.Join(ids[:min(len(ids), shown)], ", ") + "; kagurazaka runs lists them"
}

// findFolder returns the run in a folder.
func findFolder(dir string) (Run, error) {
	r := readRun(dir)
	if errors.Is(r.Err, fs.ErrNotExist) {
		// The host may have died between moving a run aside and beginning the one that takes it up.
		if aside, ok := Aside(dir); ok {
			return aside, nil
		}
		return r, fmt.Errorf("not the folder of a run: there is no %s in it; hint: kagurazaka runs lists the runs made here", infoFile)
	}
	if r.Err != nil {
		return r, r.Err
	}
	var err error
	r.Dir, err = filepath.Abs(dir)
	return r, err
}

// MoveAside moves the run in a folder to a folder below, which it returns: another run takes it up. It completes a move that was cut off.
func MoveAside(dir string) (string, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return "", err
	}
	lock, err := takeFolder(dir, true)
	if err != nil {
		return "", fmt.Errorf("resuming a run in its folder: %w", err)
	}
	defer func() { _ = lock.Close() }()
	to := filepath.Join(dir, earlierFolder, info.ID)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", fmt.Errorf("resuming a run in its folder: %w", err)
	}
	// run.json goes last: as long as it is here, so is this run.
	for _, name := range []string{outcomesFile, failedFile, logFile, infoFile} {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("resuming a run in its folder: %w", err)
		}
	}
	return to, nil
}

// Aside returns the newest of the runs that MoveAside has put below a folder; ok is false when there is none.
func Aside(dir string) (run Run, ok bool) {
	runs, err := List(filepath.Join(dir, earlierFolder))
	runs = slices.DeleteFunc(runs, func(r Run) bool { return r.Err != nil })
	if err != nil || len(runs) == 0 {
		return Run{}, false
	}
	return runs[0], true
}
