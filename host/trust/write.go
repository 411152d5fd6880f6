package trust

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Update reads a lock, calls change with it, and writes it. Another Update waits. Readers find the old file or the new one, also
// after a crash.
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
	// Lock the folder, since the file is replaced. File systems without locks (some NFS) are not protected.
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
	// Replace the target of a link, not the link.
	target := path
	if leadsTo, err := filepath.EvalSymlinks(path); err == nil {
		target = leadsTo
	}
	if err := atomicfile.Write(target, text, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
