package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// errNotTrusted is in the error of a plugin whose executable is not, or no longer, the trusted one.
var errNotTrusted = exitcode.Usagef("the executable is not the one that was trusted")

// image is an open executable that was hashed, so that the started file is the hashed one, whatever its path leads to by then.
// go-plugin's SecureConfig compares by path, and not with a custom runner.
type image struct {
	file *os.File
	info os.FileInfo
}

// openImage opens the executable of a command and compares it. It returns nil for a command that need not be checked.
func openImage(command Command) (*image, error) {
	if command.SHA256 == "" {
		return nil, nil
	}
	refuse := func(what string, err error) error {
		return &StartError{Plugin: command.Name, What: what, Err: errors.Join(errNotTrusted, err)}
	}
	f, err := os.Open(command.Path)
	if err != nil {
		return nil, refuse("cannot be read, and so not be checked: "+reason(err), err)
	}
	info, err := f.Stat()
	var sum string
	if err == nil {
		sum, err = trust.Reader(f)
	}
	if err == nil && sum == command.SHA256 {
		return &image{file: f, info: info}, nil
	}
	_ = f.Close()
	if err != nil {
		return nil, refuse("cannot be read, and so not be checked: "+reason(err), err)
	}
	return nil, refuse(fmt.Sprintf("was not started: the SHA-256 of %s is %s, not %s", command.Path, sum, command.SHA256), nil)
}

// use makes a command run the opened file. A script is run by its path: its interpreter opens it again, and it may need the files
// beside it.
func (i *image) use(cmd *exec.Cmd) {
	if i == nil {
		return
	}
	head := make([]byte, 2)
	if n, err := i.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) || n == 2 && string(head) == "#!" {
		return
	}
	// This process's number for the file: in the child it may be another file's.
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), i.file.Fd())
	if _, err := os.Stat(path); err == nil {
		cmd.Path = path
	}
}

// changed reports whether the file was written to since it was hashed. Once it runs, the system refuses that.
func (i *image) changed() bool {
	if i == nil {
		return false
	}
	now, err := i.file.Stat()
	if err != nil {
		return true
	}
	return now.Size() != i.info.Size() || !now.ModTime().Equal(i.info.ModTime()) || !StatusTime(now).Equal(StatusTime(i.info))
}

func (i *image) close() {
	if i != nil {
		_ = i.file.Close()
	}
}

// StatusTime is the time of the last change of a file's inode. No user can set it back.
func StatusTime(info os.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		changed := changeTime(st)
		return time.Unix(changed.Unix())
	}
	return time.Time{}
}
