//go:build unix

// Package guard leaves no process behind when the host is killed. A plugin's SDK watches the lifeline and takes its own
// process group along; a plugin that does not watch it, or that is stopped, cannot. So the host keeps one small process
// beside it, a second copy of its own executable, that knows the process groups which the host has started and kills
// what is left of them when the host is gone, however it went.
package guard

import (
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// name is the first word of the command line by which the executable knows what it is for.
const name = "kagurazaka-guard"

// recordSize is the length of what is written to the guard: a process group, negative once it is gone.
const recordSize = 8

// patience is how long the host waits for a guard that takes nothing, because somebody has stopped it.
const patience = time.Second

var able bool

// Init is called first of all in main. In the process that is to be the guard it never returns, nor in the first process of a
// container, which starts the same command below itself; in any other it says that this executable can be a guard: without it
// Add and Remove do nothing, as in tests of a room.
func Init() {
	if len(os.Args) > 0 && os.Args[0] == name {
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
		watch(os.Stdin, func(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) })
		os.Exit(0)
	}
	beFirst()
	able = true
}

// watch keeps the set of groups that the records name, and kills what is in it at their end.
func watch(records io.Reader, kill func(group int)) {
	groups := map[int]bool{}
	var record [recordSize]byte
	for {
		if _, err := io.ReadFull(records, record[:]); err != nil {
			break
		}
		if group := int(int64(binary.LittleEndian.Uint64(record[:]))); group > 0 {
			groups[group] = true
		} else {
			delete(groups, -group)
		}
	}
	for group := range groups {
		kill(group)
	}
}

// Add puts a process group under guard: that of a process which was just started as its leader.
func Add(group int) { tell(group) }

// Remove lets go of a group of which nothing is left. It is to be called before the leader is reaped: after that its
// number may be somebody else's.
func Remove(group int) { tell(-group) }

func tell(group int) {
	if !able {
		return
	}
	pipe := start()
	if pipe == nil {
		return
	}
	// A guard that is gone, or takes nothing, leaves the lifeline.
	_ = pipe.SetWriteDeadline(time.Now().Add(patience))
	_, _ = pipe.Write(binary.LittleEndian.AppendUint64(nil, uint64(int64(group))))
}

// start starts the guard, once. Its standard input is a pipe whose write end the host alone has. Without a guard the
// lifeline must do, so that a machine where it cannot be started is none where no plugin can.
var start = sync.OnceValue(func() *os.File {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	cmd := &exec.Cmd{
		Path: self, Args: []string{name}, Stdin: r,
		// A session of its own: what a terminal sends to the host's does not reach it.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil
	}
	go func() { _ = cmd.Wait() }()
	return w
})
