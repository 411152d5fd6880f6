package plan

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// split splits a path at its last slash. The head has no slash at its end unless it is the root.
func split(path string) (head, tail string) {
	i := strings.LastIndexByte(path, '/') + 1
	head, tail = path[:i], path[i:]
	if trimmed := strings.TrimRight(head, "/"); trimmed != "" {
		head = trimmed
	}
	return head, tail
}

// isClean reports whether a path is relative and has no empty name, "." or "..".
func isClean(p string) bool { return p != "." && filepath.IsLocal(p) && path.Clean(p) == p }

// relative returns the path from the folder base to the folder dir, by their names alone.
func relative(base, dir string) (string, error) {
	if rest, ok := strings.CutPrefix(dir, template.Join(base, "")); ok && isClean(rest) {
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
