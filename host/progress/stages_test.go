package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// fared is a pipeline of 8 loaders, one device and 4 finishers that ran for 10 s.
func fared(load, device, finish float64, input, output time.Duration) *Stages {
	return &Stages{
		Load: Stage{Workers: 8, Share: load}, Device: Stage{Workers: 1, Share: device}, Finish: Stage{Workers: 4, Share: finish},
		Batches: 100, Open: 10 * time.Second, WaitInput: input.Seconds(), WaitOutput: output.Seconds(),
	}
}

func TestLimit(t *testing.T) {
	tests := []struct {
		name   string
		stages *Stages
		want   string
	}{
		{"the device", fared(0.2, 0.97, 0.3, 0, 0), "--batch_size"},
		{"loading", fared(0.95, 0.4, 0.3, 6*time.Second, 0), "--num_load (now 8)"},
		{"what follows", fared(0.3, 0.4, 0.99, time.Second, 5*time.Second), "--num_postprocess (now 4)"},
		{"memory", fared(0.3, 0.4, 0.2, time.Second, 5*time.Second), "share of memory"},
		{"nothing", fared(0.3, 0.4, 0.2, 5*time.Second, 0), "--prefetch"},
		{"too short to tell", &Stages{Batches: 3, Open: time.Minute}, ""},
	}
	for _, tt := range tests {
		got := tt.stages.Limit()
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestStagesAreShown(t *testing.T) {
	s := fared(0.95, 0.4, 0.3, 6*time.Second, 0)
	s.Steady = 123
	var out, errs bytes.Buffer
	(&Text{Out: &out, Err: &errs, Every: time.Second}).Finish(Summary{Done: 7, Seconds: 2, Stages: s})
	if out.String() != (Summary{Done: 7, Seconds: 2}).Line()+"\n" {
		t.Errorf("stdout has more than the summary's line: %q", out.String())
	}
	for _, want := range []string{"device 0.00 items/s, 40% busy, waited 6.0 s for input", "123 items/s from", "loading limits"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %q", want, errs.String())
		}
	}
	out.Reset()
	(&JSON{Out: &out}).Finish(Summary{Stages: s})
	var got struct {
		Stages map[string]any `json:"stages"`
		Steady float64        `json:"steady_items_per_second"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Steady != 123 || got.Stages["device_waited_for_input"] != 6.0 {
		t.Errorf("%s: %v", out.String(), err)
	}
	out.Reset()
	(&JSON{Out: &out}).Finish(Summary{})
	if strings.Contains(out.String(), "stages") {
		t.Errorf("a run without stages has some: %s", out.String())
	}
	if got := line(Snapshot{Stages: s}); !strings.Contains(got, "load 0/8, device 40% busy, finish 0/4") {
		t.Errorf("the line is %q", got)
	}
}
