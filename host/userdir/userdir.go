// Package userdir finds the folders in which the host keeps what is the user's: what it has built and unpacked, and runs.
package userdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cache is the folder for what can be made again. note says why it is not where it usually is; empty: it is.
func Cache() (dir, note string, err error) {
	below := ".cache"
	if runtime.GOOS == "darwin" {
		below = filepath.Join("Library", "Caches")
	}
	return find("XDG_CACHE_HOME", below, "cache")
}

// State is the folder for what is to be kept, as Cache.
func State() (dir, note string, err error) {
	return find("XDG_STATE_HOME", filepath.Join(".local", "state"), "state")
}

// find takes the folder that the variable names, or one below the home folder, or a private one below the temporary folder.
func find(variable, below, name string) (dir, note string, err error) {
	base, given := os.Getenv(variable), true
	// A relative path is to be ignored, says the XDG specification.
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

// unusable says why nothing can be kept in a folder; empty: it can. Whose folder it is does not matter where the user has named
// it. Programs are run from it, and below somebody else's home folder (sudo may keep HOME) that one could put others there.
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
		case !named && !ours(info):
			return at + " is another user's"
		}
		if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Sprintf("%s cannot be written: %v", at, err)
		}
		// What may be written need not take a folder: so it is with root and /proc.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err.Error()
		}
		return ""
	}
}

func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(st.Uid) == os.Geteuid() || st.Uid == 0)
}

// instead makes a folder below the temporary one that nobody else can enter.
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
	// The name is known to everybody: somebody else may have been first.
	info, err := os.Lstat(own)
	if err != nil {
		return fail(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fail(fmt.Errorf("%s is not a private folder of yours (mode %s)", own, info.Mode()))
	}
	return filepath.Join(own, name), fmt.Sprintf("%s: the %s folder is %s", why, name, filepath.Join(own, name)), nil
}
