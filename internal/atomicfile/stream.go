package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Stream is a file that is written in parts. It has its name once it is whole. It is locked until then.
type Stream struct {
	*os.File
	path string
}

// Create makes a file that replaces the one at path when it is committed. It has the permissions of a new file. A link at path
// is replaced, not followed. Files that streams of dead processes have left in the folder are removed.
func Create(path string) (*Stream, error) {
	dir := filepath.Dir(path)
	removeDead(dir)
	for {
		name := filepath.Join(dir, prefix+locked+strconv.FormatUint(rand.Uint64(), 10))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = filelock.Lock(f)
		switch {
		case err == nil && !filelock.IsAt(f, name):
			// Another process took it for a dead one's before it was locked.
			_ = f.Close()
		case err == nil, errors.Is(err, errors.ErrUnsupported):
			return &Stream{f, path}, nil
		default:
			_ = f.Close()
			return nil, errors.Join(err, os.Remove(name))
		}
	}
}

// removeDead removes the files of a folder that streams have left whose process is gone: nobody holds their lock.
func removeDead(dir string) {
	folder, err := os.Open(dir)
	if err != nil {
		return
	}
	defer func() { _ = folder.Close() }()
	for {
		names, err := folder.Readdirnames(1024)
		if err != nil {
			return
		}
		for _, name := range names {
			if !strings.HasPrefix(name, prefix+locked) || !IsTemporary(name) {
				continue
			}
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
			if err != nil {
				continue
			}
			if filelock.TryLock(f) == nil {
				_ = os.Remove(f.Name())
			}
			_ = f.Close()
		}
	}
}

// Commit gives the file its name. After an error it is gone.
func (s *Stream) Commit() error {
	err := s.Sync()
	if err == nil {
		err = os.Rename(s.Name(), s.path)
	}
	if err != nil {
		s.Abort()
		return err
	}
	SyncFolder(filepath.Dir(s.path))
	// The lock goes last: without it the file would be a dead process's.
	if err := s.File.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", s.path, err)
	}
	return nil
}

// Abort removes what was written.
func (s *Stream) Abort() {
	_ = os.Remove(s.Name())
	_ = s.File.Close()
}

// SyncFolder makes the names in a folder last through a crash, where its file system can do that.
func SyncFolder(dir string) {
	if folder, err := os.Open(dir); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}
