package trust

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Update reads a lock, lets change change it, and writes it. Nobody else's Update comes between, and whoever reads
// meanwhile, or after a crash, finds the old file or the new one.
func Update(path string, change func(*Lock) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = folder.Close() }()
	// The lock is on the folder, since the file is replaced. File systems without it (some of NFS) do without.
	_ = filelock.Lock(folder)
	l, problems := ReadLock(path)
	if err := problem.Err(problems); err != nil {
		return err
	}
	if err := change(l); err != nil {
		return err
	}
	text, err := l.text()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	// A link is followed: what it leads to is replaced, not the link.
	target := path
	if leadsTo, err := filepath.EvalSymlinks(path); err == nil {
		target = leadsTo
	}
	if err := atomicfile.Write(target, text, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
