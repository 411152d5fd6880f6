package job

import (
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "0": 0, "12": 12, "1K": 1 << 10, "800M": 800 << 20, "1.5g": 3 << 29, "4GiB": 4 << 30, "2TB": 2 << 40, "1kb": 1 << 10,
	} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"many", "-1", "4X", "G", "1e300", "NaN"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestEnduranceTellsAllProblems(t *testing.T) {
	f := RunFlags{MaxFailures: "x",
		Retries: -1, RetryDelay: -time.Second, ItemTimeout: -1, StallAfter: -1, WorkerMaxItems: -1, WorkerMaxRSS: "x",
	}
	_, problems := f.policy()
	err := problem.Err(problems)
	if err == nil {
		t.Fatal("nothing was refused")
	}
	for _, flag := range []string{"max-failures", "retries", "retry-delay", "item-timeout", "stall-after", "worker-max-items", "worker-max-rss"} {
		if !strings.Contains(err.Error(), "--"+flag+" ") {
			t.Errorf("nothing is said of --%s in %q", flag, err)
		}
	}
}
