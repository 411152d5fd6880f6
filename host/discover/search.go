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

// searchPath are the folders of a variable like PATH. It skips empty and relative ones: they stand for the working folder, or one
// below it.
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

// LookPath finds a program like exec.LookPath, but skips folders of PATH that are empty or relative.
func LookPath(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return exec.LookPath(name)
	}
	dirs, _ := searchPath("PATH")
	var failed error = &exec.Error{Name: name, Err: exec.ErrNotFound}
	for _, dir := range dirs {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil {
			return path, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			failed = err
		}
	}
	return "", failed
}

// lookName looks for an installed plugin: an executable or a plugin folder. It returns the places that it looked at.
func lookName(name string) (path string, tried []string) {
	file := "kagurazaka-plugin-" + name
	for _, variable := range []string{"KAGURAZAKA_PLUGIN_PATH", "PATH"} {
		dirs, skipped := searchPath(variable)
		for _, dir := range dirs {
			candidate := filepath.Join(dir, file)
			if isExecutable(candidate) || holdsPlugin(candidate) {
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

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// holdsPlugin reports whether a path is a folder in which findFolder finds a plugin.
func holdsPlugin(dir string) bool {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if exists(filepath.Join(abs, manifestName)) || isExecutable(filepath.Join(abs, filepath.Base(abs))) {
		return true
	}
	isGo, err := hasGoMain(abs)
	return err == nil && isGo
}
