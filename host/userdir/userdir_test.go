package userdir

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	home, tmp := t.TempDir(), t.TempDir()
	file := filepath.Join(home, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	instead := filepath.Join(tmp, "kagurazaka-home-"+strconv.Itoa(os.Geteuid()), "state")
	tests := []struct {
		name, xdg, home, dir, note string
	}{
		{"the home folder", "", home, filepath.Join(home, ".local", "state", "kagurazaka"), ""},
		{"named", filepath.Join(home, "named"), "", filepath.Join(home, "named", "kagurazaka"), ""},
		{"a relative one is ignored", "named", home, filepath.Join(home, ".local", "state", "kagurazaka"), ""},
		{"no home", "", "", instead, "HOME is not set"},
		{"a relative home", "", ".", instead, "HOME is not set"},
		{"a home that is a file", "", file, instead, "file"},
		{"a file on the way", file + "/below", home, instead, "not a directory"},
		{"one that takes no folder", "/proc", home, instead, "/proc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", tmp)
			t.Setenv("XDG_STATE_HOME", tt.xdg)
			t.Setenv("HOME", tt.home)
			dir, note, err := State()
			if dir != tt.dir || err != nil || !strings.Contains(note, tt.note) || (note == "") != (tt.note == "") {
				t.Errorf("%s, %q, %v", dir, note, err)
			}
			if tt.note == "" {
				return
			}
			info, err := os.Stat(filepath.Dir(dir))
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

// Somebody else's folder below the temporary one, or a link in its place, is not used.
func TestNotOurs(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	name := "kagurazaka-home-" + strconv.Itoa(os.Geteuid())
	for what, plant := range map[string]func(path string) error{
		"open to all": func(path string) error {
			if err := os.Mkdir(path, 0o777); err != nil {
				return err
			}
			return os.Chmod(path, 0o777)
		},
		"a link": func(path string) error { return os.Symlink(t.TempDir(), path) },
		"a file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		tmp := t.TempDir()
		t.Setenv("TMPDIR", tmp)
		if err := plant(filepath.Join(tmp, name)); err != nil {
			t.Fatal(err)
		}
		if dir, _, err := Cache(); err == nil || !strings.Contains(err.Error(), "not a private folder of yours") {
			t.Errorf("%s: %s, %v", what, dir, err)
		}
	}
}

func TestAnotherUsersHome(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	home := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if dir, note, err := Cache(); err != nil || !strings.Contains(note, "another user's") || strings.HasPrefix(dir, home) {
		t.Errorf("%s, %q, %v", dir, note, err)
	}
	// Named, it is meant.
	t.Setenv("XDG_CACHE_HOME", home)
	if dir, note, err := Cache(); err != nil || note != "" || !strings.HasPrefix(dir, home) {
		t.Errorf("%s, %q, %v", dir, note, err)
	}
}
