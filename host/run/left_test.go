package run

import (
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/progress"
)

type total struct {
	Listing
	n     int64
	known bool
}

func (t total) Total() (int64, bool) { return t.n, t.known }

// TestInterruptedSaysWhatIsLeft: as far as it is known.
func TestInterruptedSaysWhatIsLeft(t *testing.T) {
	for _, tt := range []struct {
		total total
		want  string
	}{
		{total{n: 10, known: true}, "the run was interrupted; 4 items are left; hint: this continues where it stopped: again"},
		{total{n: 7, known: true}, "the run was interrupted; 1 item is left; hint: this continues where it stopped: again"},
		{total{n: 6, known: true}, "the run was interrupted; hint: this continues where it stopped: again"},
		{total{n: 10}, "the run was interrupted; hint: this continues where it stopped: again"},
	} {
		job := Job{Listing: tt.total, Again: "again"}
		if got := job.interrupted(progress.Summary{Done: 3, Skipped: 2, Failed: 1}).Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		job.Again = ""
		if got := job.interrupted(progress.Summary{}).Error(); !strings.Contains(got, "starts from the beginning") {
			t.Error(got)
		}
	}
}
