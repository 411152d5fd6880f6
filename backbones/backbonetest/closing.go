package backbonetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// closing checks that a run whose tasks could not be closed reports that, and that its items are done all the same.
func closing(t *testing.T, run Run) {
	t.Helper()
	const count = 200
	errClose := errors.New("scripted failure to close")
	leaves := backbones.Exit{Ended: true}
	cannot := backbones.Exit{Ended: true, Close: errClose}
	hangs := func(_ int, killed <-chan struct{}) backbones.Exit {
		<-killed
		return killedExit
	}
	tests := []struct {
		name    string
		parting func(start int, killed <-chan struct{}) backbones.Exit
		text    string
	}{
		{"every task is closed", nil, ""},
		{"no task can be closed", func(int, <-chan struct{}) backbones.Exit { return cannot }, errClose.Error()},
		{"one task cannot be closed", func(start int, _ <-chan struct{}) backbones.Exit {
			if start == 1 {
				return cannot
			}
			return leaves
		}, errClose.Error()},
		{"workers die meanwhile", func(int, <-chan struct{}) backbones.Exit { return backbones.Exit{Code: 7} }, "exited with code 7"},
		{"closing takes too long", hangs, "--close-timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			crew := &Crew{T: t, Beats: true, Parting: tt.parting}
			tally, err := run.play(Options{Workers: 2, ChunkSize: 7, Crew: crew, Policy: backbones.Policy{CloseTimeout: brief}}, count)
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
		crew := &Crew{T: t, Beats: true, Parting: func(start int, killed <-chan struct{}) backbones.Exit {
			cancel()
			return hangs(start, killed)
		}}
		patient := backbones.Policy{CloseTimeout: time.Hour}
		err := run(ctx, Options{Workers: 2, Crew: crew, Policy: patient}, &source{count: count, size: 64}, newTally().sink)
		if errors.As(err, new(*backbones.CloseError)) {
			t.Errorf("error %v of a run that was cancelled", err)
		}
		crew.Wait()
	})
}
