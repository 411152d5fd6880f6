package job

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// A Spec is data: what was written as JSON is read as it was, numbers and values that JSON has no form for included.
func TestSpecRoundTrip(t *testing.T) {
	fields := func(f ...template.Field) *template.Node { return &template.Node{Kind: template.KindMap, Fields: f} }
	spec := &Spec{
		Plugin: Plugin{
			Name: "resize", Version: "1.2", SDK: "python/1", Path: "/p/resize.py", SHA256: "ab", Capabilities: []string{"spawn", "exact"},
			Command:      plugin.Command{Name: "resize.py", Path: "/usr/bin/python3", Args: []string{"-m", "kagurazaka"}, Env: []string{"A=b"}, SHA256: "ab", CleanEnv: true},
			StartTimeout: time.Minute, OpenTimeout: time.Hour, MTLS: true,
		},
		Task: schema.Task{Name: "Resize", Kind: schema.Device, Capabilities: []string{"list", "stages"}},
		Args: []string{"--size", "3"},
		Template: fields(
			template.Field{Name: "input_mode", Value: &template.Node{Kind: template.KindMode, Mode: "InputByExts", Custom: true, Fields: []template.Field{
				{Name: "extensions", Value: &template.Node{Kind: template.KindList, List: []*template.Node{template.Scalar(".jpg")}}, Help: "which"},
			}}},
			template.Field{Name: "dataloader", Value: fields(
				template.Field{Name: "batch_size", Value: template.Scalar(json.Number("12345678901234567890"))},
				template.Field{Name: "1", KeyJSON: "1", Value: template.Scalar(json.Number("1.0"))},
				template.Field{Name: "scale", Value: template.Scalar(template.Exact{Type: "float", Text: "nan"})},
				template.Field{Name: "none", Value: template.Scalar(nil)},
				template.Field{Name: "some", Value: template.Scalar([]any{"a", true, map[string]any{"b": json.Number("2")}})},
			)},
		),
		Mixin: json.RawMessage(`{"a":1}`), Shard: &template.Shard{Num: 3, Idx: []uint64{1}}, Outputs: direct, Listing: plan.Policy{OutputsOutside: true},
		Select: plan.Selection{Picks: []plan.Pick{{Number: 3}, {Pattern: "*.jpg"}}}, Limit: 7, Debug: "on",
		Backbone: "cuda", Flags: map[string]string{"num_load": "3"}, Workers: 4, Device: "cuda:0", ChunkSize: 5, Spawn: true,
		BatchBy: "size", BatchWindow: 64,
		Policy: backbones.Policy{
			Retry:       backbones.Retry{Limit: 2, Backoff: backbones.Backoff{First: time.Second, Cap: time.Minute, Random: func(int64) int64 { return 0 }}},
			ItemTimeout: time.Second, StallAfter: 2, Grace: 3, CloseTimeout: 4, WorkerMaxItems: 5, WorkerMaxRSS: 6, StartDelay: 7,
			Drain: make(chan struct{}), RSS: plugin.Resident, Now: time.Now,
		},
		MaxFailures: "5%",
	}
	data, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	got := &Spec{}
	if err := json.Unmarshal(data, got); err != nil {
		t.Fatal(err)
	}
	// What belongs to a process stays there.
	spec.Policy.Drain, spec.Policy.RSS, spec.Policy.Now, spec.Policy.Retry.Backoff.Random = nil, nil, nil, nil
	if diff := cmp.Diff(spec, got); diff != "" {
		t.Errorf("written and read it differs:\n%s", diff)
	}
	if again, err := json.Marshal(got); err != nil || string(again) != string(data) {
		t.Errorf("written again: %v\n%s\n%s", err, data, again)
	}
}
