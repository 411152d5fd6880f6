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

// floodSize is the length of a line that is no line.
const floodSize = 1 << 20

// kept is never let go of.
var kept [][]byte

// target is the number of the item at which to misbehave.
func target() int {
	n, err := strconv.Atoi(os.Getenv("KAGURAZAKA_MISBEHAVE_ITEM"))
	if err != nil {
		return 0
	}
	return n
}

// act misbehaves if this is the item for it.
func act(item int) error {
	if early.Behaviour == "leak" {
		leak()
		return nil
	}
	switch early.Behaviour {
	case "flaky":
		return flaky(item)
	case "slow":
		time.Sleep(time.Millisecond)
		return nil
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
			// Addresses alone: memory that nobody has touched is not there.
			kept = append(kept, make([]byte, 64<<20))
		}
	case "done-and-die":
		return doneAndDie(item)
	case "hang-at-item":
		early.Say()
		early.Hang()
	case "stop-self":
		early.Say()
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return err
		}
		// Threads stop one after another.
		early.Hang()
	case "flood-stdout":
		return errors.Join(flood(os.Stdout), writeAll(1))
	case "flood-stderr":
		return errors.Join(flood(os.Stderr), writeAll(2))
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

// isAt reports whether the behaviour is asked for, and this is the item for it.
func isAt(item int, behaviour string) bool { return early.Behaviour == behaviour && item == target() }

// flaky fails two of seven items: at the first attempt, or at the first two. Attempts are counted in files, since the next
// one may be another worker's.
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

// waitForGo waits until it is told to go on, before the output is made: meanwhile the world around may change.
func waitForGo() {
	early.Say()
	for {
		if _, err := os.Stat(filepath.Join(os.Getenv("KAGURAZAKA_MISBEHAVE_STATE"), "go")); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func leak() {
	leak := make([]byte, 256<<10)
	for i := 0; i < len(leak); i += 4096 {
		leak[i] = 1
	}
	kept = append(kept, leak)
}

// doneAndDie ends as a worker does that is killed when its output is in place, and before it can say so.
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

func flood(f *os.File) error {
	_, err := f.Write(bytes.Repeat([]byte("#"), floodSize))
	return err
}

// writeAll floods a descriptor as a C library would, past the variables of package os.
func writeAll(fd int) error {
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

// orphan leaves a process that ends alone, and waits until somebody has reaped it.
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

// forkChildren starts processes that no polite signal ends, and leaves them alone.
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
