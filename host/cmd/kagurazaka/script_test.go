package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kagurazaka/kagurazaka/host/cpu"
	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// mark is an environment variable that every process of a script has, and that its value tells apart from others.
const mark = "KAGURAZAKA_SCRIPT"

// built holds the host and the plugins as a user has them: built binaries.
var built string

func TestMain(m *testing.M) {
	os.Exit(hosttest.Main(m, "../../..", func(dir string) { built = dir }))
}

func TestScripts(t *testing.T) {
	// Scripts have a HOME of their own, and share the caches of Go with the test.
	out, err := exec.Command("go", "env", "-json", "GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOSUMDB").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	var goEnv map[string]string
	if err := json.Unmarshal(out, &goEnv); err != nil {
		t.Fatalf("go env: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs("../../..")
			if err != nil {
				return err
			}
			env.Setenv("PLUGINS", filepath.Join(built, "plugins"))
			env.Setenv("CHECKOUT", root)
			env.Setenv("BIN", filepath.Join(built, "bin"))
			env.Setenv("PATH", filepath.Join(built, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("HOME", env.WorkDir)
			for name, value := range goEnv {
				env.Setenv(name, value)
			}
			env.Setenv(mark, env.WorkDir)
			env.Setenv("KAGURAZAKA_PYTHON", hosttest.Python("../../.."))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "python":
				_, err := os.Stat(hosttest.Python("../../.."))
				return err == nil, nil
			case "natsserver":
				_, err := os.Stat(natsServerPath())
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "noorphans": noOrphans, "tmpfs": mountTmpfs, "asuser": asUser, "patch": patch,
			"killwhen": killWhen, "waitfor": waitFor, "count": count, "many": many, "newline": newline, "replace-checkout": replaceCheckout,
			"cpus": twoCPUs, "doc": doc, "url": urlOf, "withtoken": withToken, "addressof": addressOf,
			"sha256": sha256Of, "natsserver": natsServer, "damage": damage, "onemessage": oneMessage, "certificates": certificates, "plainclient": plainClient, "replace": replaceIn,
		},
	})
}

// code N COMMAND… runs a command that must exit with N, and says nothing that looks like a crash of ours.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
	// A task's own stack is shown to those who ask for it.
	stderr := ts.ReadFile("stderr")
	if strings.Contains(stderr, "goroutine ") && !slices.Contains(args, "-v") {
		ts.Fatalf("a goroutine trace reaches the user")
	}
}

// cpus puts the numbers of two CPUs that this process may use into $A and $B, the lower one first.
func twoCPUs(ts *testscript.TestScript, _ bool, _ []string) {
	numbers := cpu.Here().Numbers()
	if len(numbers) < 2 {
		ts.Fatalf("this test needs two CPUs")
	}
	ts.Setenv("A", strconv.Itoa(numbers[0]))
	ts.Setenv("B", strconv.Itoa(numbers[1]))
}

// noorphans checks that no process of this script is left, waiting a little for the last to go.
func noOrphans(ts *testscript.TestScript, _ bool, _ []string) {
	want := mark + "=" + ts.Getenv(mark)
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := hosttest.Processes(want)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("processes are left: %v", left)
		}
	}
}

// tmpfs DIR SIZE mounts a small file system.
func mountTmpfs(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { ts.Check(syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// asuser N COMMAND… is code N COMMAND… as a user who is not root.
func asUser(ts *testscript.TestScript, _ bool, args []string) {
	if os.Geteuid() == 0 {
		ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&fs.ModeSymlink != 0 {
				return err
			}
			return os.Lchown(path, 65534, 65534)
		}))
		for dir := ts.Getenv("WORK"); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
			ts.Check(os.Chmod(dir, 0o755))
		}
		args = append([]string{args[0], "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"}, args[1:]...)
	}
	code(ts, false, args)
}

// patch FILE OFFSET HEX overwrites bytes.
func patch(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	b, err := strconv.ParseUint(args[2], 16, 8)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte{byte(b)}, offset)
	ts.Check(err)
	ts.Check(f.Close())
}

// isThere reports whether a file matches GLOB, or, for GLOB+N, one of more than N bytes.
func isThere(glob string) bool {
	least := int64(-1)
	if at := strings.LastIndexByte(glob, '+'); at > 0 {
		if n, err := strconv.ParseInt(glob[at+1:], 10, 64); err == nil {
			glob, least = glob[:at], n
		}
	}
	found, _ := filepath.Glob(glob)
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && info.Size() > least {
			return true
		}
	}
	return false
}

// waitfor GLOB [REGEXP] waits until a file is there (see isThere), and has a text.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for file := ts.MkAbs(args[0]); !isThere(file) || len(args) > 1 && !has(file, args[1]); {
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s never came to be", strings.Join(args, " with "))
		}
	}
}

// has reports whether a file has a match of an expression.
func has(file, expression string) bool {
	text, err := os.ReadFile(file)
	return err == nil && regexp.MustCompile(expression).Match(text)
}

// killwhen SIGNAL FILE COMMAND… sends the command a signal as soon as the file is there (see isThere), and waits for its
// end. The exit code is in $code.
func killWhen(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV, "ABRT": syscall.SIGABRT}
	signal, ok := signals[args[0]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[0])
	}
	path, err := exec.LookPath(filepath.Join(built, "bin", args[2]))
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), mark+"="+ts.Getenv(mark), "XDG_CACHE_HOME="+ts.Getenv("XDG_CACHE_HOME"), "HOME="+ts.Getenv("HOME"), "XDG_STATE_HOME="+ts.Getenv("XDG_STATE_HOME"))
	for _, k := range []string{"KAGURAZAKA_MISBEHAVE", "KAGURAZAKA_MISBEHAVE_ITEM", "KAGURAZAKA_PYTHON"} {
		cmd.Env = append(cmd.Env, k+"="+ts.Getenv(k))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	file := ts.MkAbs(args[1])
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !isThere(file) {
		select {
		case <-tick.C:
		case <-deadline.C:
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			ts.Fatalf("%s never came to be\n%s", args[1], out.String())
		}
	}
	ts.Check(cmd.Process.Signal(signal))
	_ = cmd.Wait()
	ts.Setenv("code", strconv.Itoa(cmd.ProcessState.ExitCode()))
	ts.Logf("%s", out.String())
	ts.Check(os.WriteFile(ts.MkAbs("killed.out"), out.Bytes(), 0o644))
}

// count N GLOB checks how many files match.
func count(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if strconv.Itoa(len(found)) != args[0] {
		ts.Fatalf("%d files match %s, want %s", len(found), args[1], args[0])
	}
}

// many DIR N EXT makes N small files.
func many(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d%s", i, args[2])), []byte("x"), 0o644))
	}
}

// newline DIR makes a file with a line end in its name.
func newline(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "two\nlines.txt"), nil, 0o644))
}

// replace-checkout GOMOD completes a go.mod with the checkout's requirements, and the checkout itself in place of the
// published module.
func replaceCheckout(ts *testscript.TestScript, _ bool, args []string) {
	own, err := os.ReadFile(filepath.Join(ts.Getenv("CHECKOUT"), "go.mod"))
	ts.Check(err)
	lines := strings.Split(string(own), "\n")
	module := strings.TrimPrefix(lines[0], "module ")
	text := ts.ReadFile(args[0]) + strings.Join(lines[1:], "\n") +
		fmt.Sprintf("\nrequire %s v0.0.0\nreplace %s => %s\n", module, module, ts.Getenv("CHECKOUT"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// url RUNDIR URL TOKEN puts the address and the token of a run with --listen into the environment.
func urlOf(ts *testscript.TestScript, _ bool, args []string) {
	var contact struct {
		URLs []string `json:"urls"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[0], "fleet", "coordinator.json"))), &contact))
	ts.Setenv(args[1], contact.URLs[0])
	ts.Setenv(args[2], strings.TrimSpace(ts.ReadFile(filepath.Join(args[0], "fleet", "token"))))
}

// withtoken NAME TOKEN puts a token into the URL of a variable.
func withToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.Replace(ts.Getenv(args[0]), "://", "://"+args[1]+"@", 1))
}

// addressof URL ADDRESS puts the HOST:PORT of the URL in a variable into another one.
func addressOf(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], strings.TrimPrefix(ts.Getenv(args[0]), "nats://"))
}
