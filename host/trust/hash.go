// Package trust checks that a plugin is the trusted one: it hashes plugins, reads and writes plugins.lock, and compares. It starts
// nothing.
package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/regular"
)

// Hash is the hash of a plugin.
type Hash struct {
	// Sum is the SHA-256 of the plugin's file or folder, in 64 lower-case hexadecimal digits.
	Sum string
	// Exe is the SHA-256 of the executable; empty: Sum does not cover it (an interpreter on PATH).
	Exe string
}

// ParseSum reads a SHA-256: 64 hexadecimal digits of either case, with or without the prefix sha256:.
func ParseSum(text string) (string, error) {
	sum := strings.ToLower(strings.TrimPrefix(text, "sha256:"))
	if len(sum) != 2*sha256.Size {
		return "", fmt.Errorf("a SHA-256 has %d hexadecimal digits, this has %d characters", 2*sha256.Size, len(sum))
	}
	if _, err := hex.DecodeString(sum); err != nil {
		return "", errors.New("a SHA-256 is written in hexadecimal digits, 0 to 9 and a to f")
	}
	return sum, nil
}

// Reader returns the SHA-256 of r's content, in hexadecimal digits.
func Reader(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// File returns the SHA-256 of a file, in hexadecimal digits.
func File(path string) (string, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return "", fmt.Errorf("hashing the plugin: %w", err)
	}
	defer func() { _ = f.Close() }()
	sum, err := Reader(f)
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return sum, nil
}

// Tree hashes a folder: the names, contents and executable bits of all files below it but those in folders whose name
// begins with a dot and in __pycache__. exe is the executable that the folder's plugin.yaml names; it is part of the hash
// wherever it lies. An empty exe stands for one that is looked up on PATH.
func Tree(dir, exe string) (Hash, error) {
	t := tree{root: dir, exe: exe}
	out := sha256.New()
	fmt.Fprintln(out, "kagurazaka folder 1")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != dir && leftOut(d.Name()) {
			return fs.SkipDir
		}
		line, err := t.line(path, d)
		if line != "" {
			fmt.Fprintln(out, line)
		}
		return err
	})
	if err != nil {
		return Hash{}, fmt.Errorf("hashing the folder %s: %w", dir, err)
	}
	if exe != "" && t.exeSum == "" {
		if t.exeSum, err = File(exe); err != nil {
			return Hash{}, err
		}
		fmt.Fprintln(out, "executable", t.exeSum)
	}
	return Hash{Sum: hex.EncodeToString(out.Sum(nil)), Exe: t.exeSum}, nil
}

// leftOut reports whether the hash leaves out a folder of that name: version control, virtual environments, and bytecode, which
// Python writes elsewhere for a pinned plugin.
func leftOut(name string) bool { return strings.HasPrefix(name, ".") || name == "__pycache__" }

type tree struct {
	root, exe, exeSum string
}

// line describes one entry of the folder; empty: it does not count.
func (t *tree) line(path string, d fs.DirEntry) (string, error) {
	if d.IsDir() {
		return "", nil
	}
	rel, err := filepath.Rel(t.root, path)
	if err != nil {
		return "", err
	}
	kind := "file"
	if d.Type()&fs.ModeSymlink != 0 {
		kind = "link"
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && kind == "link":
		// A dangling link: its target counts.
		target, err := os.Readlink(path)
		return "dangling " + strconv.Quote(target) + " " + strconv.Quote(filepath.ToSlash(rel)), err
	case err != nil:
		return "", err
	case info.IsDir():
		return t.folderLink(path, rel)
	case !info.Mode().IsRegular():
		return "", nil
	}
	sum, err := File(path)
	if err != nil {
		return "", err
	}
	if path == t.exe {
		t.exeSum = sum
	}
	if info.Mode()&0o111 != 0 {
		kind += " x"
	}
	return kind + " " + sum + " " + strconv.Quote(filepath.ToSlash(rel)), nil
}

// folderLink describes a link to a folder. A folder outside the plugin's is an error, because the hash does not cover it.
func (t *tree) folderLink(path, rel string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(t.root)
	if err != nil {
		return "", err
	}
	inside, err := filepath.Rel(root, target)
	if err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s is a link to the folder %s outside of the plugin, which the hash would not cover: put the folder itself there", path, target)
	}
	for _, name := range strings.Split(inside, string(filepath.Separator)) {
		if name != "." && leftOut(name) {
			return "", fmt.Errorf("%s is a link to the folder %s, which the hash does not cover: put the folder itself there", path, target)
		}
	}
	return "folder " + strconv.Quote(filepath.ToSlash(inside)) + " " + strconv.Quote(filepath.ToSlash(rel)), nil
}
