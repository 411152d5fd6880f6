package cpu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func here() Topology {
	t := Read(os.DirFS("/"))
	if len(t.CPUs) == 0 {
		return unknown()
	}
	return t
}

// CanPin reports whether processes can be given CPUs on this system.
const CanPin = true

// Start calls start in a thread that has the set's CPUs and memory policy: a process that it starts inherits them, with all its threads.
// refused says why the process has other CPUs; it was started all the same.
func (s Set) Start(start func() error) (refused, err error) {
	if s.IsZero() {
		return nil, start()
	}
	type answer struct{ refused, err error }
	done := make(chan answer)
	go func() {
		runtime.LockOSThread()
		undo, refused := s.take()
		err := start()
		// Otherwise the thread ends with this goroutine.
		if undo() == nil {
			runtime.UnlockOSThread()
		}
		done <- answer{refused, err}
	}()
	a := <-done
	return a.refused, a.err
}

// take gives the calling thread the set's CPUs and memory policy, as far as that is allowed. The policy alone may be missing.
func (s Set) take() (undo func() error, err error) {
	var before, mask unix.CPUSet
	nothing := func() error { return nil }
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nothing, os.NewSyscallError("sched_getaffinity", err)
	}
	for _, n := range s.CPUs {
		mask.Set(n)
	}
	if err := unix.SchedSetaffinity(0, &mask); err != nil {
		return nothing, os.NewSyscallError("sched_setaffinity", err)
	}
	policy := len(s.Memory) > 0 && prefer(s.Memory) == nil
	return func() error {
		err := unix.SchedSetaffinity(0, &before)
		if policy {
			err = errors.Join(err, setPolicy(policyDefault, nil))
		}
		return err
	}, nil
}

// The memory policies of <linux/mempolicy.h>.
const (
	policyDefault       = 0
	policyPreferred     = 1
	policyPreferredMany = 5
)

// nodeMask has a bit for each node.
type nodeMask [maxNumber/64 + 1]uint64

// prefer makes the calling thread prefer the memory of some nodes.
func prefer(nodes []int) error {
	var mask nodeMask
	for _, n := range nodes {
		if n < 0 || n > maxNumber {
			return syscall.EINVAL
		}
		mask[n/64] |= 1 << (n % 64)
	}
	if len(nodes) == 1 {
		return setPolicy(policyPreferred, &mask)
	}
	return setPolicy(policyPreferredMany, &mask)
}

func setPolicy(mode uintptr, mask *nodeMask) error {
	bits := uintptr(0)
	if mask != nil {
		bits = uintptr(len(mask)) * 64
	}
	if _, _, code := unix.Syscall(unix.SYS_SET_MEMPOLICY, mode, uintptr(unsafe.Pointer(mask)), bits); code != 0 {
		return os.NewSyscallError("set_mempolicy", code)
	}
	return nil
}

// PreferAllowed says why workers cannot be made to prefer the memory of their nodes; nil: they can. A container may forbid it, and a
// policy that the user has chosen (numactl) is kept.
var PreferAllowed = sync.OnceValue(func() error {
	answer := make(chan error)
	go func() {
		// The thread ends with the goroutine, whatever has become of its policy.
		runtime.LockOSThread()
		answer <- tryToPrefer()
	}()
	return <-answer
})

// tryToPrefer changes the memory policy of the calling thread.
func tryToPrefer() error {
	var mode int32
	if _, _, code := unix.Syscall6(unix.SYS_GET_MEMPOLICY, uintptr(unsafe.Pointer(&mode)), 0, 0, 0, 0, 0); code != 0 {
		return os.NewSyscallError("get_mempolicy", code)
	}
	if mode != policyDefault {
		return fmt.Errorf("the process has a memory policy already (mode %d of set_mempolicy), which is kept", mode)
	}
	nodes := Here().MemoryNodes
	if len(nodes) == 0 {
		return errors.New("the NUMA nodes are not known")
	}
	return prefer(nodes[:1])
}
