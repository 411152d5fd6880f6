package backbones

import (
	"strings"
	"testing"
)

type lostThreads struct {
	Worker
	n int
}

func (l lostThreads) LostThreads() int { return l.n }

func TestWhyAForkedWorkerMayStandStill(t *testing.T) {
	for _, c := range []struct {
		worker Worker
		want   string
	}{{lostThreads{nil, 0}, ""}, {lostThreads{nil, 1}, "1 thread of"}, {lostThreads{nil, 8}, "8 threads of"}, {nil, ""}} {
		got := WhyStill(c.worker)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) || c.want != "" && !strings.Contains(got, "--start_method spawn") {
			t.Errorf("%v: %q, want %q in it", c.worker, got, c.want)
		}
	}
}
