package trust

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// doubt says why a file may say what somebody else wants; empty: only this user and root could have written it. It looks at the
// file and at every folder that leads to it, as sshd does with authorized_keys: who may write to a folder may put another file
// in place of one in it.
func doubt(path string, info fs.FileInfo) string {
	if why := writableByOthers(path, info, false); why != "" {
		return why
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Sprintf("it cannot be told what leads to it: %v", err)
	}
	places := []string{filepath.Dir(path)}
	if target != path {
		places = append(places, filepath.Dir(target))
	}
	for _, place := range places {
		for dir := place; ; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				return fmt.Sprintf("it cannot be told who may write to %s: %v", dir, err)
			}
			if why := writableByOthers(dir, info, true); why != "" {
				return why
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}

// writableByOthers says who beside this user and root may write to a file or folder; empty: nobody. In a folder with the sticky
// bit, such as /tmp, only owners may replace what is there.
func writableByOthers(path string, info fs.FileInfo, sticky bool) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "it cannot be told who owns " + path
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("%s belongs to %s", path, userName(st.Uid))
	case sticky && info.Mode()&fs.ModeSticky != 0:
		return ""
	case info.Mode()&0o002 != 0:
		return fmt.Sprintf("everyone may write to %s", path)
	case info.Mode()&0o020 != 0 && st.Gid != 0 && !ownGroup(st.Gid):
		return fmt.Sprintf("the group %d may write to %s", st.Gid, path)
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

// ownGroup reports whether a group is this user's alone, as many systems give one to each user: called like the user, with
// nobody else in it. Files of those are writable for their group as a rule.
func ownGroup(gid uint32) bool {
	me, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil || me.Gid != strconv.FormatUint(uint64(gid), 10) {
		return false
	}
	f, err := os.Open("/etc/group")
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 4 || fields[2] != me.Gid {
			continue
		}
		others := slices.DeleteFunc(strings.Split(fields[3], ","), func(name string) bool { return name == "" || name == me.Username })
		return fields[0] == me.Username && len(others) == 0
	}
	return false
}

// openToOthers reports whether others than this user and root may put files into a folder.
func openToOthers(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || writableByOthers(dir, info, false) != ""
}
