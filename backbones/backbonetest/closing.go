package backbonetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// closing checks that a run whose tasks could not be closed is not told as one that succeeded, and that its items are done
// all the same.
func closing(t *testing.T, run Run) {
	t.Helper()
	const count = 200
	parting := func(how Parting) func(int) Parting { return func(int) Parting { return how } }
	tests := []struct {
		name    string
		parting func(start int) Parting
		text    string
	}{
		{"every task is closed", nil, ""},
		{"no task can be closed", parting(CannotClose), errClose.Error()},
		{"one task cannot be closed", func(start int) Parting {
			if start == 1 {
				return CannotClose
			}
			return Leave
		}, errClose.Error()},
		{"workers die meanwhile", parting(DieClosing), "exited with code 7"},
		{"closing takes too long", parting(HangClosing), "--close-timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			crew := &Crew{T: t, Beats: true, Parting: tt.parting}
			tally := newTally()
			err := run(t.Context(), Options{Workers: 2, ChunkSize: 7, Start: starter(crew), Crew: crew, Policy: backbones.Policy{CloseTimeout: brief}},
				&source{count: count, size: 64}, tally.sink)
			crew.Wait()
			tally.once(t, count)
			if tt.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var told *backbones.CloseError
			if !errors.As(err, &told) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want one about closing, with %q", err, tt.text)
			}
		})
	}
	t.Run("a cancelled run does not wait for it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		crew := &Crew{T: t, Beats: true, Parting: func(int) Parting {
			cancel()
			return HangClosing
		}}
		err := run(ctx, Options{Workers: 2, Start: starter(crew), Crew: crew, Policy: backbones.Policy{CloseTimeout: time.Hour}}, &source{count: count, size: 64}, newTally().sink)
		if errors.As(err, new(*backbones.CloseError)) {
			t.Errorf("error %v of a run that was cancelled", err)
		}
		crew.Wait()
	})
}
