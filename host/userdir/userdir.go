// Package userdir finds the user's folders for the cache and for runs.
package userdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
)

// Cache is the folder for files that can be made again. note is the reason if it is not in its usual place.
func Cache() (dir, note string, err error) {
	below := ".cache"
	if runtime.GOOS == "darwin" {
		below = filepath.Join("Library", "Caches")
	}
	return find("XDG_CACHE_HOME", below, "cache")
}

// State is the folder for files to keep; see Cache.
func State() (dir, note string, err error) {
	return find("XDG_STATE_HOME", filepath.Join(".local", "state"), "state")
}

// find returns the folder that the variable names, or one below the home folder, or a private one below the temporary folder.
func find(variable, below, name string) (dir, note string, err error) {
	base, given := os.Getenv(variable), true
	// The XDG specification ignores relative paths.
	if !filepath.IsAbs(base) {
		base, given = os.Getenv("HOME"), false
		if !filepath.IsAbs(base) {
			return instead(name, "HOME is not set")
		}
		base = filepath.Join(base, below)
	}
	dir = filepath.Join(base, "kagurazaka")
	if why := unusable(dir, given); why != "" {
		return instead(name, why)
	}
	return dir, "", nil
}

// unusable is the reason why a folder cannot be used; empty: it can. Unless the user named it, it must not be another user's: sudo
// may keep HOME, and the host runs programs from the folder, which the other user could replace.
func unusable(dir string, named bool) string {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		switch {
		case err != nil:
			return err.Error()
		case !info.IsDir():
			return at + " is not a folder"
		case !named && !beneath.Owned(info) && beneath.Owner(info) != 0:
			return at + " is another user's"
		}
		if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Sprintf("%s cannot be written: %v", at, err)
		}
		// Write permission is not enough, as with root and /proc.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err.Error()
		}
		return ""
	}
}

// instead makes a private folder below the temporary one.
func instead(name, why string) (dir, note string, err error) {
	base := os.TempDir()
	if !filepath.IsAbs(base) {
		base = "/tmp"
	}
	own := filepath.Join(base, "kagurazaka-home-"+strconv.Itoa(os.Geteuid()))
	fail := func(err error) (string, string, error) {
		return "", "", fmt.Errorf("%s, and a folder instead cannot be made; set XDG_CACHE_HOME and XDG_STATE_HOME, HOME, or TMPDIR: %w", why, err)
	}
	if err := os.Mkdir(own, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	// Anybody knows the name: another user may have made it.
	info, err := os.Lstat(own)
	if err != nil {
		return fail(err)
	}
	if !info.IsDir() || !beneath.Owned(info) || info.Mode().Perm()&0o077 != 0 {
		return fail(fmt.Errorf("%s is not a private folder of yours (mode %s)", own, info.Mode()))
	}
	return filepath.Join(own, name), fmt.Sprintf("%s: the %s folder is %s", why, name, filepath.Join(own, name)), nil
}
