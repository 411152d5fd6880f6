package outputs

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// An output that goes to another file system is copied beside its place, under a name PREFIX RANDOM SUFFIX, and renamed
// there. The worker whose staging folder is DIR keeps the path of the copy that is under way in the link DIR.part, so
// that whoever cleans up after it finds the copy (docs/protocol.md, "Staging").
const (
	partLink   = ".part"
	partPrefix = ".kagurazaka-"
	partSuffix = ".part"
	partRandom = 16
)

// removePart removes the copy that a link in a run's folder leads to, and the link. A copy without our form of name, or of another
// user, is left alone.
func removePart(dir *os.Root, link string) {
	path, err := dir.Readlink(link)
	if err != nil {
		return
	}
	_ = dir.Remove(link)
	name := filepath.Base(path)
	random := strings.TrimSuffix(strings.TrimPrefix(name, partPrefix), partSuffix)
	if !filepath.IsAbs(path) || name != partPrefix+random+partSuffix || !isHex(random, partRandom) {
		return
	}
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return
	}
	defer func() { _ = parent.Close() }()
	info, err := parent.Lstat(name)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return
	}
	_ = parent.RemoveAll(name)
}
