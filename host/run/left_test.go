package run

import (
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/progress"
)

// TestInterruptedSaysWhatIsLeft: as far as it is known.
func TestInterruptedSaysWhatIsLeft(t *testing.T) {
	for _, tt := range []struct {
		listed Figures
		want   string
	}{
		{Figures{Total: 10, TotalKnown: true}, "the run was interrupted; 4 items are left; hint: this continues where it stopped: again"},
		{Figures{Total: 7, TotalKnown: true}, "the run was interrupted; 1 item is left; hint: this continues where it stopped: again"},
		{Figures{Total: 6, TotalKnown: true}, "the run was interrupted; hint: this continues where it stopped: again"},
		{Figures{Total: 10}, "the run was interrupted; hint: this continues where it stopped: again"},
	} {
		job := Job{Listing: func() Figures { return tt.listed }, Again: "again"}
		if got := job.interrupted(progress.Summary{Done: 3, Skipped: 2, Failed: 1}).Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		job.Again = ""
		if got := job.interrupted(progress.Summary{}).Error(); !strings.Contains(got, "starts from the beginning") {
			t.Error(got)
		}
	}
}
