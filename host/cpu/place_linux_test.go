package cpu

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that is started has its set, and this one has its own CPUs as before.
func TestStart(t *testing.T) {
	all := Here()
	last := all.CPUs[len(all.CPUs)-1]
	s := Set{CPUs: []int{last.Number}}
	if PreferAllowed() == nil && last.Node >= 0 {
		s.Memory = []int{last.Node}
	}
	for range 3 {
		var out bytes.Buffer
		cmd := exec.Command("sh", "-c", "grep Cpus_allowed_list /proc/self/status; head -n 1 /proc/self/numa_maps")
		cmd.Stdout = &out
		refused, err := s.Start(cmd.Start)
		if refused != nil || err != nil || cmd.Wait() != nil {
			t.Fatalf("refused %v, error %v", refused, err)
		}
		if want := "Cpus_allowed_list:\t" + FormatList(s.CPUs) + "\n"; !strings.Contains(out.String(), want) {
			t.Errorf("the process has other CPUs than %s: %s", want, out.String())
		}
		if len(s.Memory) > 0 && !strings.Contains(out.String(), "prefer") {
			t.Errorf("the process has no memory policy: %s", out.String())
		}
		var now unix.CPUSet
		if err := unix.SchedGetaffinity(os.Getpid(), &now); err != nil || now.Count() != len(all.CPUs) {
			t.Errorf("this process has %d CPUs, %v", now.Count(), err)
		}
	}
}

func TestStartWithout(t *testing.T) {
	failing := errors.New("it does not start")
	if refused, err := (Set{}).Start(func() error { return failing }); refused != nil || !errors.Is(err, failing) {
		t.Errorf("refused %v, error %v", refused, err)
	}
	// A CPU that is not there keeps nothing from being started.
	started := false
	refused, err := Set{CPUs: []int{maxNumber}}.Start(func() error { started = true; return nil })
	if refused == nil || err != nil || !started {
		t.Errorf("started %v, refused %v, error %v", started, refused, err)
	}
}
