// Package atomicfile replaces files at once.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// temporary is the form of the names of files that are about to replace another; CreateTemp adds digits to the prefix.
var temporary = regexp.MustCompile("^" + regexp.QuoteMeta(prefix) + "(" + locked + ")?[0-9]+$")

// The names of files that are about to replace another begin with prefix. Those that their writer has locked have locked behind it.
const (
	prefix = ".new-"
	locked = "locked-"
)

// IsTemporary reports whether a file's name is that of a file that is about to replace another. If no process is writing, one that died
// has left it.
func IsTemporary(name string) bool { return temporary.MatchString(name) }

// Write replaces the file at path, or makes it: whoever reads it finds the old content or the new one, also after a crash. A link at
// path is replaced, not followed. perm 0 stands for 0o600 less the umask; any other is set whatever the umask.
func Write(path string, data []byte, perm fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && perm != 0 {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	// Some file systems cannot sync a folder; the rename itself has happened.
	SyncFolder(dir)
	return nil
}
