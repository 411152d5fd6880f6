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

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/userdir"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// earlierFolder is where the folder of a run keeps the runs that it held before it was resumed in place.
const earlierFolder = "earlier"

// Root is the folder of all runs: $XDG_STATE_HOME/kagurazaka/runs, or below ~/.local/state, or where userdir.State has it instead. It
// may not exist.
func Root() (string, error) {
	dir, _, err := userdir.State()
	if err != nil {
		return "", fmt.Errorf("finding the folder for ledgers (--run-dir gives one): %w", err)
	}
	return filepath.Join(dir, "runs"), nil
}

// Run is a run that was found.
type Run struct {
	Dir  string
	Info *Info
}

// IsRun reports whether a folder is that of a run.
func IsRun(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, infoFile))
	return err == nil && info.Mode().IsRegular()
}

// List returns the runs below root, the newest first. unread are folders whose run.json cannot be read.
func List(root string) (runs []Run, unread []error, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("listing runs: %w", err)
	}
	for _, e := range slices.Backward(entries) {
		dir := filepath.Join(root, e.Name())
		if !IsRun(dir) {
			continue
		}
		info, err := ReadInfo(dir)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		runs = append(runs, Run{dir, info})
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(b.Info.ID, a.Info.ID) })
	return runs, unread, nil
}

// Find returns the run that a word names: last, a folder, an id or its beginning. The error is a *DamagedError for one whose run.json
// is cut.
func Find(root, word string) (Run, error) {
	if strings.ContainsRune(word, filepath.Separator) || IsRun(word) {
		info, err := ReadInfo(word)
		// The host may have died between moving a run aside and beginning the one that takes it up.
		if aside, ok := Aside(word); ok && errors.Is(err, fs.ErrNotExist) {
			return aside, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return Run{}, fmt.Errorf("%s is not the folder of a run: there is no %s in it; kagurazaka runs lists the runs made here", word, infoFile)
		}
		if err != nil {
			return Run{}, err
		}
		dir, err := filepath.Abs(word)
		return Run{dir, info}, err
	}
	runs, unread, err := List(root)
	if err != nil {
		return Run{}, err
	}
	if word == "last" {
		// The folders of runs are called like them, and begin with the time.
		for _, err := range unread {
			var damaged *DamagedError
			if errors.As(err, &damaged) && (len(runs) == 0 || filepath.Base(damaged.Dir) > runs[0].Info.ID) {
				return Run{}, err
			}
		}
		if len(runs) == 0 {
			return Run{}, fmt.Errorf("there is no run yet in %s", root)
		}
		return runs[0], nil
	}
	var found []Run
	for _, r := range runs {
		if r.Info.ID == word {
			return r, nil
		}
		if strings.HasPrefix(r.Info.ID, word) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		for _, err := range unread {
			var damaged *DamagedError
			if errors.As(err, &damaged) && strings.HasPrefix(filepath.Base(damaged.Dir), word) {
				return Run{}, err
			}
		}
		ids := make([]string, len(runs))
		for i, r := range runs {
			ids[i] = r.Info.ID
		}
		near := problem.Near(word, ids)
		return Run{}, fmt.Errorf("no run %s in %s: %s", word, root, strings.TrimSpace(near+" kagurazaka runs lists them"))
	case 1:
		return found[0], nil
	}
	return Run{}, fmt.Errorf("%d runs begin with %s, %s and %s among them: give more of the id; kagurazaka runs lists them", len(found), word, found[0].Info.ID, found[1].Info.ID)
}

// MoveAside makes room in a folder for a run that takes up the one that the folder holds, which goes into a folder
// below. It returns that folder. A move that was cut off is finished.
func MoveAside(dir string) (string, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", fmt.Errorf("resuming a run in its folder: %w", err)
	}
	defer func() { _ = lock.Close() }()
	if err := filelock.TryLock(lock); errors.Is(err, filelock.ErrHeld) {
		return "", &BusyError{dir}
	}
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
	runs, _, err := List(filepath.Join(dir, earlierFolder))
	if err != nil || len(runs) == 0 {
		return Run{}, false
	}
	return runs[0], true
}
