package atomicfile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Stream is a file that is written in parts. It has its name once it is whole.
type Stream struct {
	*os.File
	path string
}

// Create makes a file that replaces the one at path when it is committed. It has the permissions of a new file. A link at path
// is replaced, not followed.
func Create(path string) (*Stream, error) {
	dir := filepath.Dir(path)
	for {
		name := prefix + strconv.FormatUint(rand.Uint64(), 10)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Stream{f, path}, nil
	}
}

// Commit gives the file its name. After an error it is gone.
func (s *Stream) Commit() error {
	err := s.Sync()
	err = errors.Join(err, s.File.Close())
	if err == nil {
		err = os.Rename(s.Name(), s.path)
	}
	if err != nil {
		_ = os.Remove(s.Name())
		return err
	}
	SyncFolder(filepath.Dir(s.path))
	return nil
}

// Abort removes what was written.
func (s *Stream) Abort() {
	_ = s.File.Close()
	_ = os.Remove(s.Name())
}

// SyncFolder makes the names in a folder last through a crash, where its file system can do that.
func SyncFolder(dir string) {
	if folder, err := os.Open(dir); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}
