package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/regular"
)

// errEveryone is about a file that is not read.
var errEveryone = errors.New("everyone may write to it, so it is not trusted")

// ReadFile reads a file by the rules of plugins.lock, up to one byte more than most. It must be a regular file that not everyone may write to.
// why is the reason why another user may have written it; empty: only this user and root can.
func ReadFile(path string, most int64) (data []byte, why string, err error) {
	f, info, err := regular.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }()
	if info.Mode()&0o002 != 0 {
		return nil, "", errEveryone
	}
	if data, err = io.ReadAll(io.LimitReader(f, most+1)); err != nil {
		return nil, "", err
	}
	return data, doubt(path, info), nil
}

// maxLinks is how many links may be on the way to a file.
const maxLinks = 255

// doubt is the reason why somebody else may have written a file, or chosen it; empty: only this user and root can. Like sshd with
// authorized_keys, it looks at the file and at every folder that leads to it: who can write to a folder can replace its files. With links
// there are several ways: it goes each of them, as the system does.
func doubt(path string, info fs.FileInfo) string {
	if why := writableByOthers(path, info, false); why != "" {
		return why
	}
	at := string(filepath.Separator)
	if !filepath.IsAbs(path) {
		work, err := os.Getwd()
		if err != nil {
			return fmt.Sprintf("its folders cannot be looked at: %v", err)
		}
		// Join would take a folder's name and the .. behind it away, though the folder may be a link.
		path = work + at + path
	}
	// at never has links: what is above it has been looked at.
	for names, links := append([]string{"."}, components(path)...), 0; len(names) > 0; {
		next := filepath.Join(at, names[0])
		names = names[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return fmt.Sprintf("%s cannot be looked at: %v", next, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if why := writableByOthers(next, info, info.IsDir()); why != "" {
				return why
			}
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "too many links lead to it"
		}
		if why := ownedByOthers(next, info); why != "" {
			return why
		}
		target, err := os.Readlink(next)
		if err != nil {
			return fmt.Sprintf("%s cannot be looked at: %v", next, err)
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		names = append(components(target), names...)
	}
	return ""
}

// components are the names in a path.
func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// writableByOthers names others than this user and root who may write to a file or folder; empty: none. In a folder with the
// sticky bit, such as /tmp, only owners can replace files.
func writableByOthers(path string, info fs.FileInfo, sticky bool) string {
	if why := ownedByOthers(path, info); why != "" {
		return why
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok, sticky && info.Mode()&fs.ModeSticky != 0:
		return ""
	case info.Mode()&0o002 != 0:
		return fmt.Sprintf("everyone may write to %s", path)
	case info.Mode()&0o020 != 0 && st.Gid != 0 && !ownGroup(st.Gid):
		return fmt.Sprintf("the group %d may write to %s", st.Gid, path)
	}
	return ""
}

// ownedByOthers names the owner of a file, folder or link, if it is neither this user nor root; empty otherwise.
func ownedByOthers(path string, info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "the system does not tell the owner of " + path
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("%s belongs to %s", path, userName(st.Uid))
	}
	return ""
}

func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return fmt.Sprintf("user %s (%s)", u.Username, number)
	}
	return "user " + number
}

// ownGroup reports whether a group is this user's alone: it has the user's name, and no other member. On many systems each user
// has one, and files are writable for it.
func ownGroup(gid uint32) bool {
	me, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil || me.Gid != strconv.FormatUint(uint64(gid), 10) {
		return false
	}
	groups, _ := os.ReadFile("/etc/group")
	for line := range strings.Lines(string(groups)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 || fields[2] != me.Gid {
			continue
		}
		others := slices.DeleteFunc(strings.Split(fields[3], ","), func(name string) bool { return name == "" || name == me.Username })
		return fields[0] == me.Username && len(others) == 0
	}
	return false
}

// Above is the folder above dir where a file of this user is looked for, too; empty: none. There is none above the root, and none where
// others than this user and root may put files into either folder: why says so, and it is empty at the root.
func Above(dir string) (above, why string) {
	above = filepath.Dir(dir)
	if dir == above {
		return "", ""
	}
	for _, at := range []string{dir, above} {
		if why := openToOthers(at); why != "" {
			return "", why
		}
	}
	return above, ""
}

// openToOthers is the reason why others than this user and root may put files into a folder; empty: they may not.
func openToOthers(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Sprintf("%s cannot be looked at: %v", dir, err)
	}
	return writableByOthers(dir, info, false)
}
