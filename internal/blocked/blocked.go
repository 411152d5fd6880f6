// Package blocked finds what stands in the way of a folder.
package blocked

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder says why a path cannot be a folder, and what to do: a file or a link to nothing is there, or in the place of a folder above. Both
// texts are empty if nothing is in the way, or nobody can tell.
func Folder(path string) (why, hint string) {
	at := filepath.Clean(path)
	for ; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		target, notLink := os.Readlink(at)
		switch {
		case err == nil && info.IsDir():
			return "", ""
		case err == nil:
			why, hint = at+" is not a folder", "give a folder, or a name that nothing has yet"
		case notLink == nil && !errors.Is(err, fs.ErrPermission):
			why, hint = fmt.Sprintf("%s is a link to nothing (%s)", at, target), "make the folder that the link leads to, or remove the link"
		case at != filepath.Dir(at):
			continue
		}
		break
	}
	if why != "" && at != filepath.Clean(path) {
		why = fmt.Sprintf("%s cannot be made: %s", path, why)
	}
	return why, hint
}
