package plan

import (
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// orWorkingFolder is a path as the system takes it: nothing, to which names are joined, is the working folder.
func orWorkingFolder(path string) string {
	if path == "" {
		return "."
	}
	return path
}

// split parts a path at its last slash; the head keeps no slash at its end unless it is nothing else.
func split(path string) (head, tail string) {
	i := strings.LastIndexByte(path, '/') + 1
	head, tail = path[:i], path[i:]
	if trimmed := strings.TrimRight(head, "/"); trimmed != "" {
		head = trimmed
	}
	return head, tail
}

// relative returns the path that leads from the folder base to the folder dir, by their names alone.
func relative(base, dir string) (string, error) {
	if rest, ok := strings.CutPrefix(dir, prefix(base)); ok && isClean([]byte(rest)) {
		return rest, nil
	}
	b, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	d, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.Rel(b, d)
}

// stem returns a file name without its extension. Dots at the start of a name begin no extension: .bashrc has none.
func stem(name string) string {
	base := strings.LastIndexByte(name, '/') + 1
	dot := strings.LastIndexByte(name, '.')
	if dot < base || strings.Trim(name[base:dot], ".") == "" {
		return name
	}
	return name[:dot]
}

// prefix is what a name is put behind to join it: the folder with a slash.
func prefix(dir string) string { return template.Join(dir, "") }
