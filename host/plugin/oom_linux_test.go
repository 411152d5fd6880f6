package plugin

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestMemoryOf(t *testing.T) {
	killed := backbones.Exit{Code: -1, Signal: syscall.SIGKILL}
	failed := backbones.Exit{Code: 2}
	none, some, unknown := oomCount{3, 9}, oomCount{4, 10}, oomCount{-1, -1}
	for name, c := range map[string]struct {
		exit       backbones.Exit
		began, now oomCount
		said       string
		limit      uint64
		want       string
	}{
		"the killer":           {exit: killed, began: none, now: some, want: "by the kernel's out-of-memory killer"},
		"of another group":     {exit: killed, began: none, now: oomCount{3, 10}, want: "perhaps by the kernel's"},
		"somebody":             {exit: killed, began: none, now: none, want: "by somebody"},
		"nobody counts":        {exit: killed, began: unknown, now: unknown, want: "which is what the kernel does"},
		"a limit":              {exit: failed, said: "fatal error: out of memory", limit: 3 << 30, want: "ulimit -v allows 3072 MiB: fatal error"},
		"no limit":             {exit: failed, said: "std::bad_alloc", want: "for want of memory: std::bad_alloc"},
		"it went on after all": {said: "MemoryError"},
		"nothing said":         {exit: failed, began: none, now: some},
		"another signal":       {exit: backbones.Exit{Code: -1, Signal: syscall.SIGSEGV}, began: none, now: some},
	} {
		got := memoryNow(c.exit, c.began, c.now, c.said, c.limit)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestGroupFileOf(t *testing.T) {
	const two, one = "/sys/fs/cgroup/", "/sys/fs/cgroup/memory/"
	for name, c := range map[string]struct {
		groups string
		there  []string
		want   string
	}{
		"version 2":              {"0::/user.slice/a\n", []string{two + "user.slice/a/memory.events"}, two + "user.slice/a/memory.events"},
		"version 1":              {"5:devices:/b\n4:memory:/c\n0::/\n", []string{one + "c/memory.oom_control"}, one + "c/memory.oom_control"},
		"several at once":        {"4:cpu,memory:/c\n", []string{one + "c/memory.oom_control"}, one + "c/memory.oom_control"},
		"in a container":         {"0::/docker/123\n", []string{two + "memory.events"}, two + "memory.events"},
		"a path with colons":     {"0::/a:b\n", []string{two + "a:b/memory.events"}, two + "a:b/memory.events"},
		"the root has no events": {"0::/\n", nil, ""},
		"none":                   {"", nil, ""},
	} {
		if got := groupFileOf(c.groups, func(path string) bool { return slices.Contains(c.there, path) }); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The reason stands above a trace that is longer than what is kept.
func TestMemoryIsRemembered(t *testing.T) {
	log := newStderrLog(hclog.NewNullLogger(), nil)
	log.drain(strings.NewReader("runtime: out of memory\n" + strings.Repeat("goroutine 1\n", 3*tailLines)))
	if got := log.takeMemory(); got != "runtime: out of memory" {
		t.Errorf("%q", got)
	}
	if got := log.takeMemory(); got != "" {
		t.Errorf("told twice: %q", got)
	}
}
