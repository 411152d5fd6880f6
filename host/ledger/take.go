package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/blocked"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// files are the names that a run gives its files, in the order in which they go. Without run.json the folder holds no run. A run's other
// files are known by outcomes and lock, which go last.
var files = []string{infoFile, logFile, failedFile, outcomesFile, lockFile}

// takeFolder makes a run's folder and locks it. It changes nothing if the folder holds anything but what runs leave there.
func takeFolder(dir string, mayHoldRun bool) (*os.File, error) {
	if why, hint := blocked.Folder(dir); why != "" {
		return nil, exitcode.Usagef("%s; hint: %s", why, hint)
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	_, missing := os.Lstat(filepath.Join(dir, lockFile))
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	if IsRun(dir) && !mayHoldRun {
		if errors.Is(missing, fs.ErrNotExist) {
			_ = os.Remove(lock.Name())
		}
		_ = lock.Close()
		return nil, exitcode.Usagef("%s holds the run %s; hint: --resume takes it up, and a new run needs another folder", dir, readRun(dir).Info.ID)
	}
	return lock, nil
}

// lockFolder locks the folder of a run. Without locks on its file system, a run that died looks like one that is under way.
func lockFolder(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.TryLock(lock); errors.Is(err, filelock.ErrHeld) {
		_ = lock.Close()
		return nil, exitcode.Usagef("%s is the folder of a run that is still under way", dir)
	}
	return lock, nil
}

// checkFolder returns an error if a folder has anything but what runs leave there: a run, runs that were moved aside, and the files of a
// run that died before it had a run.json.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	run := IsRun(dir)
	locked := run || isLock(dir)
	recorded := run || locked && holdsRecord(dir)
	for _, e := range entries {
		name := e.Name()
		ours := e.Type().IsRegular() || run
		switch {
		case name == earlierFolder, name == FleetFolder:
			info, err := os.Stat(filepath.Join(dir, name))
			ours = err == nil && info.IsDir()
		case name == lockFile:
			ours = isLock(dir)
		case atomicfile.IsTemporary(name):
			ours = locked && e.Type().IsRegular()
		default:
			ours = ours && recorded && slices.Contains(files, name)
		}
		if !ours {
			return exitcode.Usagef("%s is not empty: it holds %s, which is not of a run; hint: move it away, or give another folder", dir, name)
		}
	}
	return nil
}

func isLock(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, lockFile))
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// holdsRecord reports whether a folder has a record of outcomes, or the beginning of one.
func holdsRecord(dir string) bool {
	f, _, err := regular.Open(filepath.Join(dir, outcomesFile))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, int64(len(magic))))
	return err == nil && (strings.HasPrefix(magic, string(head)) || string(head) == magic1)
}

// clearLeftovers clears a folder that is locked and holds no run for one: it removes temporary files, and the files of a run that died before
// it had a run.json. If these say anything, it moves them to a folder below, which it returns.
func clearLeftovers(dir string) (aside string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		name := e.Name()
		info, infoErr := e.Info()
		switch {
		case infoErr != nil:
			return "", infoErr
		case atomicfile.IsTemporary(name):
			err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
		case name == outcomesFile && info.Size() > int64(len(magic)), (name == failedFile || name == logFile) && info.Size() > 0:
			aside = filepath.Join(dir, earlierFolder)
		}
	}
	if aside != "" {
		aside = filepath.Join(aside, NewID(aside, time.Now()))
		err = errors.Join(err, os.MkdirAll(aside, 0o755))
	}
	for _, name := range []string{logFile, failedFile, outcomesFile} {
		if err != nil {
			break
		}
		if aside != "" {
			err = os.Rename(filepath.Join(dir, name), filepath.Join(aside, name))
		} else {
			err = os.Remove(filepath.Join(dir, name))
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("clearing what a run that died has left: %w", err)
	}
	return aside, nil
}
