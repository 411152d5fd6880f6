package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/examples/misbehave/early"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// floodSize is the number of bytes without a line break.
const floodSize = 1 << 20

// leaked is memory that is never freed.
var leaked [][]byte

// target returns the number of the item at which to misbehave.
func target() int {
	n, _ := strconv.Atoi(os.Getenv("KAGURAZAKA_MISBEHAVE_ITEM"))
	return n
}

// act misbehaves if this is the item for it.
func act(item int) error {
	switch early.Behaviour {
	case "leak":
		leak()
	case "flaky":
		return flaky(item)
	case "slow":
		time.Sleep(time.Millisecond)
	case "slow-until-go":
		if !told() {
			time.Sleep(50 * time.Millisecond)
		}
	}
	if item != target() {
		return nil
	}
	switch early.Behaviour {
	case "error-at-item":
		return fmt.Errorf("misbehave: an error at item %d", item)
	case "panic-at-item":
		panic(fmt.Sprintf("misbehave: a panic at item %d", item))
	case "kill-self-at-item", "half-output":
		return killSelf()
	case "kill-host-at-item":
		return killHost()
	case "exit-at-item":
		os.Exit(7)
	case "leak-at-item":
		early.Say()
		for {
			leak()
		}
	case "reserve-at-item":
		early.Say()
		for {
			// Only addresses: the system has no memory for pages that are never touched.
			leaked = append(leaked, make([]byte, 64<<20))
		}
	case "done-and-die":
		return doneAndDie(item)
	case "hang-at-item":
		early.Say()
		early.Hang()
	case "stop-self":
		return early.Stop()
	case "flood-stdout":
		return flood(os.Stdout, 1)
	case "flood-stderr":
		return flood(os.Stderr, 2)
	case "fork-children":
		return forkChildren()
	case "orphan-at-item":
		return orphan()
	}
	return nil
}

// closeTask misbehaves when the task is closed.
func closeTask() error {
	crash("crash-close")
	switch early.Behaviour {
	case "fail-close":
		return errors.New("misbehave: the last of the data cannot be written")
	case "panic-close":
		panic("misbehave: a panic in Close")
	case "hang-close":
		early.Say()
		early.Hang()
	}
	return nil
}

// isAt reports whether this is the item for the behaviour.
func isAt(item int, behaviour string) bool { return early.Behaviour == behaviour && item == target() }

// flaky fails two of seven items: at the first attempt, or at the first two. It counts attempts in files, since each may be
// in another worker.
func flaky(item int) error {
	failing := max(2-item%7, 0)
	if failing == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("KAGURAZAKA_MISBEHAVE_STATE"), strconv.Itoa(item)), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("."); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if attempt := int(info.Size()); attempt <= failing {
		return sdk.Retryable(fmt.Errorf("misbehave: attempt %d at item %d fails", attempt, item))
	}
	return nil
}

// waitForGo waits for the file "go" before it makes the output. Meanwhile a test may change other files.
func waitForGo() {
	early.Say()
	for !told() {
		time.Sleep(5 * time.Millisecond)
	}
}

// told reports whether the file "go" is there.
func told() bool {
	_, err := os.Stat(filepath.Join(os.Getenv("KAGURAZAKA_MISBEHAVE_STATE"), "go"))
	return err == nil
}

func leak() { leaked = append(leaked, bytes.Repeat([]byte{1}, 256<<10)) }

// doneAndDie kills the worker when its output is in place, but before it has answered.
func doneAndDie(item int) error {
	name := fmt.Sprintf("f%05d.txt", item)
	text := fmt.Sprintf("the first half of %s, the second half of %s: %s\n", name, name, name)
	if err := os.WriteFile(filepath.Join(os.Getenv("KAGURAZAKA_MISBEHAVE_STATE"), name+".out"), []byte(text), 0o644); err != nil {
		return err
	}
	return killSelf()
}

func killSelf() error {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	early.Hang()
	return nil
}

// killHost ends the host without a word, as the system does when a machine has no memory left.
func killHost() error {
	for pid := os.Getppid(); pid > 1; {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return err
		}
		var name string
		parent := 0
		for line := range strings.Lines(string(status)) {
			switch key, value, _ := strings.Cut(line, ":"); key {
			case "Name":
				name = strings.TrimSpace(value)
			case "PPid":
				parent, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if name == "kagurazaka" {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return err
			}
			early.Hang()
		}
		pid = parent
	}
	return errors.New("misbehave: there is no host")
}

// flood floods a file, and also its descriptor, as a C library does without the variables of package os.
func flood(f *os.File, fd int) error {
	if _, err := f.Write(bytes.Repeat([]byte("#"), floodSize)); err != nil {
		return err
	}
	text := bytes.Repeat([]byte("="), floodSize)
	for len(text) > 0 {
		n, err := syscall.Write(fd, text)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		text = text[max(n, 0):]
	}
	return nil
}

// orphan starts a process whose parent ends first, and waits until its new parent has reaped it.
func orphan() error {
	out, err := exec.Command("sh", "-c", "true & echo $!").Output()
	if err != nil {
		return err
	}
	path := "/proc/" + strings.TrimSpace(string(out))
	for range 1000 {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("misbehave: nobody reaps %s", path)
}

// forkChildren starts processes that ignore SIGINT, SIGTERM and SIGHUP, and does not wait for them.
func forkChildren() error {
	for range 2 {
		child := exec.Command("sh", "-c", `trap "" INT TERM HUP; while :; do sleep 1; done`)
		if err := child.Start(); err != nil {
			return err
		}
	}
	early.Say()
	return nil
}
