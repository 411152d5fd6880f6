package outputs

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/kagurazaka/kagurazaka/host/beneath"
)

// An output that goes to another file system is copied beside its final path, and then renamed. Meanwhile the link DIR.part, beside the
// staging folder DIR of the worker, has the path of the copy, so that another run can remove it (docs/protocol.md, "Staging").
const partLink = ".part"

var partName = regexp.MustCompile(`^\.kagurazaka-[0-9a-f]{16}\.part$`)

// removePart removes a link in a run's folder, and the copy that it leads to if its name and owner are those of a copy of ours.
func removePart(dir *os.Root, link string) {
	path, err := dir.Readlink(link)
	if err != nil {
		return
	}
	_ = dir.Remove(link)
	name := filepath.Base(path)
	if !filepath.IsAbs(path) || !partName.MatchString(name) {
		return
	}
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return
	}
	defer func() { _ = parent.Close() }()
	if info, err := parent.Lstat(name); err == nil && beneath.Owned(info) {
		_ = parent.RemoveAll(name)
	}
}
