package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// searchPath are the folders of a variable like PATH. Empty and relative ones are left out: they would make a program of the
// folder that one happens to be in.
func searchPath(variable string) (dirs []string, skipped int) {
	for _, dir := range filepath.SplitList(os.Getenv(variable)) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		} else {
			skipped++
		}
	}
	return dirs, skipped
}

// LookPath finds a program as exec.LookPath does, but goes on to the next folder of PATH where that refuses one of the working
// folder.
func LookPath(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return exec.LookPath(name)
	}
	dirs, _ := searchPath("PATH")
	var refused error
	for _, dir := range dirs {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil {
			return path, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			refused = err
		}
	}
	if refused != nil {
		return "", refused
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// lookName looks for an installed plugin, an executable or a folder that holds one. It returns the places it looked at.
func lookName(name string) (path string, tried []string) {
	file := "kagurazaka-plugin-" + name
	for _, variable := range []string{"KAGURAZAKA_PLUGIN_PATH", "PATH"} {
		dirs, skipped := searchPath(variable)
		for _, dir := range dirs {
			candidate := filepath.Join(dir, file)
			info, err := os.Stat(candidate)
			if err == nil && (info.IsDir() && holdsPlugin(candidate) || isProgram(info)) {
				return candidate, nil
			}
		}
		place := fmt.Sprintf("%s in the %s of %s", file, count.Of(len(dirs), "folder"), variable)
		if os.Getenv(variable) == "" {
			place = fmt.Sprintf("%s on %s, which is not set", file, variable)
		}
		if skipped > 0 {
			place += fmt.Sprintf(" (%s skipped)", count.Of(skipped, "that is empty or relative was", "that are empty or relative were"))
		}
		tried = append(tried, place)
	}
	return "", tried
}

func isProgram(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Mode()&0o111 != 0 }

// holdsPlugin reports whether findFolder would find something in a folder.
func holdsPlugin(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, manifestName)); err == nil {
		return true
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if info, err := os.Stat(filepath.Join(abs, filepath.Base(abs))); err == nil && isProgram(info) {
		return true
	}
	isGo, err := hasGoMain(abs)
	return err == nil && isGo
}
