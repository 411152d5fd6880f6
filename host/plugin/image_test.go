package plugin

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/trust"
)

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func copyTo(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func pinned(t *testing.T, path string) Command {
	t.Helper()
	sum, err := trust.File(path)
	if err != nil {
		t.Fatal(err)
	}
	return Command{Name: "it", Path: path, SHA256: sum}
}

// What is put into the executable's place between the check and the start does not run.
func TestSwapBetweenCheckAndStart(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux starts an open file")
	}
	dir := t.TempDir()
	// Not a shell: some are one program under many names.
	path := copyTo(t, program(t, "getconf"), filepath.Join(dir, "it"))
	command := pinned(t, path)
	image, err := openImage(command)
	if err != nil {
		t.Fatal(err)
	}
	defer image.close()
	cmd := exec.Command(command.Path, "PAGE_SIZE")
	image.use(cmd)
	// The replacement fails.
	if err := os.Rename(copyTo(t, program(t, "false"), filepath.Join(dir, "next")), path); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) == "" {
		t.Errorf("%s, %v", out, err)
	}
	// The one that is there now is refused at the next start.
	if _, err := openImage(command); !errors.Is(err, errNotTrusted) || !strings.Contains(err.Error(), command.SHA256) {
		t.Errorf("another file in its place: %v", err)
	}
}

// A file that is written to after it was hashed is noticed, even if its size and time are set back.
func TestWriteBetweenCheckAndStart(t *testing.T) {
	path := copyTo(t, program(t, "false"), filepath.Join(t.TempDir(), "it"))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := openImage(pinned(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer image.close()
	if image.changed() {
		t.Fatal("it has changed without a change")
	}
	// The inode's time has the grain of the kernel's clock: written until it has moved on, which the test's own limit bounds.
	for !image.changed() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0}, 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

// A script is run by its own path, because it may look for files beside itself.
func TestScriptsRunByTheirPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho $0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	image, err := openImage(pinned(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer image.close()
	cmd := exec.Command(path)
	image.use(cmd)
	if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != path {
		t.Errorf("%s, %v", out, err)
	}
}
