package plugin

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// memoryWords are what runtimes write to stderr when memory runs out: Go, C++, Rust, Python, the C library, Java.
var memoryWords = []string{
	"out of memory", "cannot allocate", "Cannot allocate memory", "std::bad_alloc", "memory allocation of ", "MemoryError",
	"OutOfMemoryError",
}

func tellsOfMemory(line string) bool {
	return slices.ContainsFunc(memoryWords, func(words string) bool { return strings.Contains(line, words) })
}

// oomCount counts the processes that the kernel's out-of-memory killer has ended.
type oomCount struct {
	// group is the number of processes of the host's control group that it ended, machine that of the whole machine; below
	// zero: not known.
	group, machine int
}

// memoryOf is what is known about memory as the cause of an exit, as the end of a sentence. began is the count when the process began,
// said what it wrote about memory.
func memoryOf(exit backbones.Exit, began oomCount, said string) string {
	return memoryNow(exit, began, countKills(), said, addressLimit())
}

func memoryNow(exit backbones.Exit, began, now oomCount, said string, limit uint64) string {
	switch {
	case exit.ByHost:
		return ""
	case exit.Signal == syscall.SIGKILL:
		return killedBy(began, now)
	case said == "" || exit.Code == 0:
		return ""
	case limit > 0:
		return fmt.Sprintf("for want of memory, of which ulimit -v allows %d MiB: %s", limit>>20, said)
	default:
		return "for want of memory: " + said
	}
}

// killedBy says who sent signal 9.
func killedBy(began, now oomCount) string {
	switch {
	case began.group >= 0 && now.group > began.group:
		return "by the kernel's out-of-memory killer: what its control group or the machine has is used up"
	case began.machine >= 0 && now.machine > began.machine:
		return "perhaps by the kernel's out-of-memory killer, which was at work on this machine meanwhile"
	case now.group >= 0 || now.machine >= 0:
		return "by somebody: the kernel's out-of-memory killer was not at work"
	default:
		return "which is what the kernel does when memory runs out"
	}
}
