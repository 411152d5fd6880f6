package discover

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/plugin"
)

// identity returns a hash that changes whenever one of the files does, and the time of the last change. It looks at times and
// inodes: reading a plugin of tens of megabytes at every -h is too slow.
func identity(lists ...[]string) (sum string, changed time.Time) {
	h := sha256.New()
	for _, f := range slices.Concat(lists...) {
		info, err := os.Stat(f)
		if err != nil {
			fmt.Fprintf(h, "%s gone\n", f)
			continue
		}
		t := plugin.StatusTime(info)
		fmt.Fprintf(h, "%s %s %d\n", f, fileState(info), t.UnixNano())
		if t.After(changed) {
			changed = t
		}
	}
	return hex.EncodeToString(h.Sum(nil)), changed
}

func fileState(info os.FileInfo) string {
	var inode uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf("%d %d %d", info.Size(), info.ModTime().UnixNano(), inode)
}

// lastChange is the time of the last change at an input's path; zero: nothing is there.
func lastChange(in plugin.Input) time.Time {
	switch in.Kind {
	case plugin.FileInput, plugin.PresenceInput, plugin.FolderInput:
		if info, err := os.Stat(cmp.Or(in.Name, ".")); err == nil {
			return plugin.StatusTime(info)
		}
	}
	return time.Time{}
}

// unchanged reports whether no input has changed. An input of an unknown kind counts as changed.
func unchanged(inputs []plugin.Input, command plugin.Command) bool {
	var variables map[string]string
	for _, in := range inputs {
		var state string
		if in.Kind == plugin.VariableInput {
			if variables == nil {
				variables = map[string]string{}
				for _, entry := range plugin.Environment(command, 1) {
					name, value, _ := strings.Cut(entry, "=")
					variables[name] = value
				}
			}
			if value, set := variables[in.Name]; set {
				state = hash(value)
			}
		} else {
			var known bool
			if state, known = pathState(in.Kind, cmp.Or(in.Name, ".")); !known {
				return false
			}
		}
		if state != in.State {
			return false
		}
	}
	return true
}

func pathState(kind plugin.InputKind, path string) (state string, known bool) {
	switch kind {
	case plugin.FileInput:
		if info, err := os.Stat(path); err == nil {
			state = fileState(info)
		}
	case plugin.PresenceInput:
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			state = "folder"
		case info.Mode().IsRegular():
			state = "file"
		default:
			state = "other"
		}
	case plugin.FolderInput:
		if names, err := namesIn(path); err == nil {
			state = hash(strings.Join(names, "/"))
		}
	case plugin.RealPathInput:
		abs, err := filepath.Abs(path)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err == nil {
			state = hash(abs)
		}
	default:
		return "", false
	}
	return state, true
}

// namesIn returns the sorted names in a folder.
func namesIn(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
