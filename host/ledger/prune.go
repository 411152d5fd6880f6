package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

// Prune removes the runs below root of which all is done, except the newest keep of them. Only what a run writes is removed: kept has the
// reasons why others stay, which are links, or belong to another user, or hold anything else.
func Prune(root string, keep int) (removed int, kept []error, err error) {
	runs, err := List(root)
	if err != nil || len(runs) == 0 {
		return 0, nil, err
	}
	all, err := os.OpenRoot(root)
	if err != nil {
		return 0, nil, fmt.Errorf("removing runs: %w", err)
	}
	defer func() { _ = all.Close() }()
	for _, r := range runs {
		if r.Err != nil || StatusOf(r.Dir, r.Info) != Done {
			continue
		}
		if keep > 0 {
			keep--
			continue
		}
		if err := remove(all, filepath.Base(r.Dir)); err != nil {
			kept = append(kept, err)
			continue
		}
		removed++
	}
	return removed, kept, nil
}

// remove removes the folder of a run if it holds nothing that a run does not write.
func remove(parent *os.Root, name string) error {
	dir, err := beneath.Open(parent, name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := check(dir, false); err != nil {
		return err
	}
	// Without run.json it is no run any more.
	if err := dir.Remove(infoFile); err != nil {
		return err
	}
	if err := beneath.Empty(dir); err != nil {
		return err
	}
	return parent.Remove(name)
}

// check returns an error if a folder has something that a run does not write. ofRuns says that it holds nothing but folders of runs.
func check(dir *os.Root, ofRuns bool) error {
	names, err := beneath.Names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !ofRuns && name == FleetFolder {
			below, err := beneath.Open(dir, name)
			if err != nil {
				return err
			}
			_ = below.Close()
			continue
		}
		if !ofRuns && name != earlierFolder {
			if !slices.Contains(files, name) && !atomicfile.IsTemporary(name) {
				return fmt.Errorf("%s holds %s, which is not of the run", dir.Name(), name)
			}
			continue
		}
		below, err := beneath.Open(dir, name)
		if err != nil {
			return err
		}
		err = check(below, !ofRuns)
		_ = below.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
