package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/outputs"
)

// TestOutputsComeIntoPlaceByGrant: those that were granted, and no others. What was refused is not reported.
func TestOutputsComeIntoPlaceByGrant(t *testing.T) {
	out := t.TempDir()
	staging := outputs.NewStaging(filepath.Join(out, ".kagurazaka-staging"), outputs.Owner{}, nil)
	t.Cleanup(func() {
		if err := staging.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &Place{
		hold:     outputs.NewHold(staging, outputs.HoldOptions{Last: []string{"output"}, Fresh: true, Makes: true}),
		warnings: &listingWarnings{log: hclog.NewNullLogger()},
	}
	var payload []byte
	for i := range 6 {
		payload = fmt.Appendf(payload, "{\"output\":{\"path\":%q}}\n", filepath.Join(out, fmt.Sprint(i)))
	}
	b, err := p.aside(backbones.Block{First: 10, Count: 6, Payload: payload[:len(payload)-1]})
	if err != nil {
		t.Fatal(err)
	}
	own, err := staging.Own()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := os.WriteFile(filepath.Join(own, fmt.Sprintf("i%d", 10+i), fmt.Sprint(i)), []byte("mine"), 0o644); err != nil {
			t.Fatalf("%v; workers got %s", err, b.Payload)
		}
	}
	// Another program has made the output of 12.
	if err := os.WriteFile(filepath.Join(out, "2"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	var asked []backbones.Span
	got, err := p.settle(context.Background(), backbones.Outcomes{
		Worker: "w0", Done: []backbones.Span{{First: 10, Count: 4}, {First: 20, Count: 1}}, Skipped: []backbones.Span{{First: 14, Count: 1}},
		Failed: []backbones.FailedItem{{Number: 15}}, Attempts: []backbones.Attempt{{Number: 11, Count: 2}, {Number: 13, Count: 2}},
		Unwritten: backbones.Unwritten{Count: 1, Expected: "aside"},
	}, func(_ context.Context, items []backbones.Span) (lease.Granted, error) {
		asked = append(asked, items...)
		return lease.Granted{Items: []backbones.Span{{First: 10, Count: 3}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := backbones.Outcomes{
		Worker: "w0", Done: []backbones.Span{{First: 20, Count: 1}, {First: 10, Count: 2}}, Skipped: []backbones.Span{{First: 14, Count: 1}, {First: 12, Count: 1}},
		Failed: []backbones.FailedItem{{Number: 15}}, Attempts: []backbones.Attempt{{Number: 11, Count: 2}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]backbones.Span{{First: 10, Count: 4}}, asked); diff != "" {
		t.Error(diff)
	}
	for i, text := range []string{"mine", "mine", "other", "", "", ""} {
		data, _ := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
		if string(data) != text {
			t.Errorf("output %d is %q, want %q", i, data, text)
		}
	}
	left, err := filepath.Glob(filepath.Join(own, "i*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
