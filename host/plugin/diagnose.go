package plugin

import (
	"bufio"
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// machines are GOARCH's names of the ELF machines that a plugin may have been built for.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64",
	elf.EM_PPC64: "ppc64", elf.EM_S390: "s390x",
}

// cannotExec explains why the operating system refused to run a file.
func cannotExec(command Command, err error) *StartError {
	hints := []string{machineHint(err)}
	if hints[0] == "" {
		hints = []string{fileHint(command.Path, err), command.Hint}
	}
	e := &StartError{Plugin: command.Name, What: "cannot be run: " + reason(err), Hints: hints, Err: err}
	if command.Interpreter != "" && machineHint(err) == "" {
		e.What, e.Err = command.Interpreter+" cannot be run: "+reason(err), exitcode.With(exitcode.Usage, err)
	}
	return e
}

// outside are the signals that end a process without a fault of its own.
var outside = []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}

// machineHint is what to do if no process can be started for a reason of the machine, not of the plugin.
func machineHint(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "the host has as many files open as it may: ulimit -n raises that, and fewer workers need fewer"
	case errors.Is(err, syscall.EAGAIN):
		return "there may be no more processes or threads: ulimit -u and the limits of the container or control group say how many; fewer workers need fewer"
	case errors.Is(err, syscall.ENOMEM):
		return "the machine has no memory for one more process: fewer workers need less"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "there is no space for the folder of sockets: free some, or set TMPDIR to another folder"
	}
	return ""
}

func reason(err error) string {
	errno, ok := errors.AsType[syscall.Errno](err)
	switch {
	case !ok:
		return err.Error()
	case errno == syscall.ENOEXEC:
		return "the system does not know its format"
	case errno == syscall.ENOENT:
		return "the file, or the interpreter that its first line names, is not there"
	default:
		return errno.Error()
	}
}

func fileHint(path string, err error) string {
	info, statErr := os.Stat(path)
	if statErr != nil {
		return fmt.Sprintf("looking at %s: %v", path, statErr)
	}
	if arch := elfArch(path); arch != "" && arch != runtime.GOARCH {
		return fmt.Sprintf("it was built for %s and this machine is %s: build it with GOARCH=%s, or run it there",
			arch, runtime.GOARCH, runtime.GOARCH)
	}
	if interpreter := shebang(path); interpreter != "" {
		if _, err := os.Stat(interpreter); err != nil {
			return fmt.Sprintf("its first line asks for the interpreter %s, which is not there", interpreter)
		}
	}
	if info.Mode()&0o111 == 0 {
		return fmt.Sprintf("it is not executable (mode %s): chmod +x %s", info.Mode().Perm(), path)
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return "a script needs a first line such as #!/usr/bin/env python3; a program must be built for this system"
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Sprintf("its mode is %s, owner %d, and you are %d; the file system may be mounted noexec",
			info.Mode().Perm(), beneath.Owner(info), os.Getuid())
	}
	return ""
}

func elfArch(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	return cmp.Or(machines[f.Machine], f.Machine.String())
}

func shebang(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	line, _ := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	rest, ok := strings.CutPrefix(line, "#!")
	if fields := strings.Fields(rest); ok && len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// toldError begins the line by which a plugin tells, in place of its handshake, why it cannot serve.
const toldError = "error|"

// noHandshake explains why a started process cannot be used as a plugin.
func noHandshake(command Command, r *runner, timedOut bool, timeout time.Duration, exit *backbones.Exit, cause error) *StartError {
	said, printed := r.firstSaid()
	e := &StartError{Plugin: command.Name, Err: cause, Stderr: r.log.tail()}
	if why, told := strings.CutPrefix(said, toldError); told && !timedOut {
		// Its own words say it all.
		e.What, e.Err, e.Stderr = clipTo(why, maxSaid), exitcode.With(exitcode.Usage, cause), nil
		return e
	}
	if printed {
		e.What, e.Hints = checkHandshake(said, r.mtls)
	}
	switch {
	case e.What != "":
	case errors.Is(cause, errNoCertificate):
		e.What = "was ended: it answered without a certificate, so its connection could not be encrypted as --mtls demands"
		e.Hints = []string{
			"its SDK does not follow PLUGIN_CLIENT_CERT; the Go SDK does, the Python SDK cannot make certificates",
			"without --mtls its sockets are unix sockets in a folder of mode 0700, which no other user can enter",
		}
	case timedOut && printed:
		e.What = fmt.Sprintf("printed its handshake, and its socket did not answer within %s", timeout)
		e.Hints = []string{"its server may not run yet, or be stuck; --start-timeout gives it longer"}
	case timedOut:
		e.What = fmt.Sprintf("did not complete its handshake within %s", timeout)
		e.Hints = []string{"it may not be a kagurazaka plugin, or it may wait for something; --start-timeout gives it longer"}
	case exit != nil && slices.Contains(outside, exit.Signal):
		e.What = fmt.Sprintf("ended before its handshake: it %s", exit)
		return e
	case exit != nil && command.Interpreter != "":
		// The SDK would have said why it cannot serve.
		e.What, e.Err = fmt.Sprintf("%s cannot run it: it %s at its start", command.Interpreter, exit), exitcode.With(exitcode.Usage, cause)
	case exit != nil:
		e.What = fmt.Sprintf("%s before its handshake: it is not a kagurazaka plugin, or it breaks at its start", exit)
	case !printed:
		e.What = "closed its stdout and wrote no handshake" + backbones.RuleNote("The handshake")
	default:
		e.What = fmt.Sprintf("could not be reached after its start: %v", cause)
	}
	e.Hints = append(e.Hints, command.Hint)
	return e
}

// harmless is a plugin's text without control characters.
func harmless(s string) string { return strings.Trim(strconv.Quote(clip(s)), `"`) }

func clip(s string) string { return clipTo(s, 120) }

// clipTo cuts a text after so many bytes, not within a character.
func clipTo(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
