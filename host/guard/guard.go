// Package guard kills the processes of a host that is gone. A plugin's SDK watches the lifeline and ends its own process group;
// a plugin that does not watch it, or that is stopped, does not. So the host starts one small process, a second copy of its
// executable. It knows the process groups that the host has started, and kills them when the host is gone.
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

// name is the first word of the guard's command line.
const name = "kagurazaka-guard"

// recordSize is the length of a record for the guard: a process group, negative once it is gone.
const recordSize = 8

// patience is the time that the host waits for a guard that does not read, because it is stopped.
const patience = time.Second

// able is set if this executable can be a guard. In tests of a room it cannot: Add and Remove do nothing.
var able bool

// Init must be the first call in main. It returns neither in the guard nor in the first process of a container; see beFirst.
func Init() {
	if len(os.Args) > 0 && os.Args[0] == name {
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
		watch(os.Stdin, func(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) })
		os.Exit(0)
	}
	beFirst()
	able = true
}

// watch reads records until their end, and kills the groups that are left then.
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

// Add puts a process group under guard. Call it right after the start of the group's leader.
func Add(group int) { send(group) }

// Remove removes a group without processes. Call it before the leader is reaped: after that, another group may have its number.
func Remove(group int) { send(-group) }

func send(group int) {
	if !able {
		return
	}
	pipe := start()
	if pipe == nil {
		return
	}
	// If the guard is gone or stopped, the lifeline remains.
	_ = pipe.SetWriteDeadline(time.Now().Add(patience))
	_, _ = pipe.Write(binary.LittleEndian.AppendUint64(nil, uint64(int64(group))))
}

// start starts the guard, once. Only the host has the write end of its standard input. Where it cannot start, there is only the lifeline.
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
		// In its own session it gets no signals from the host's terminal.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil
	}
	go func() { _ = cmd.Wait() }()
	return w
})
