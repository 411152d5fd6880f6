package plugin

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

func TestKindOf(t *testing.T) {
	chunk := &pb.RunRequest{Chunk: &pb.Chunk{Id: 17, Parts: []*pb.Part{
		{Source: &pb.Part_Block{Block: &pb.Block{Count: 5}}, Skip: 3}, {Source: &pb.Part_Range{Range: &pb.IndexRange{Count: 2}}},
		{Source: &pb.Part_Block{Block: &pb.Block{Count: 9}}, Take: 1},
	}}}
	for want, c := range map[string]struct {
		method  string
		payload any
	}{
		"Run: chunk 17, 5 items":                    {"Run", chunk},
		"Run: batch 3, 0 items":                     {"Run", &pb.RunRequest{Batch: &pb.Batch{Id: 3}}},
		"Run: result of chunk 17, 1 item, 1 failed": {"Run", &pb.RunResponse{Result: &pb.ChunkResult{Id: 17, Count: 1, Failures: []*pb.ItemFailure{{}}}}},
		"List: block, 2 items":                      {"List", &pb.ListResponse{Message: &pb.ListResponse_Block{Block: &pb.Block{Count: 2}}}},
		"List: total":                               {"List", &pb.ListResponse{Message: &pb.ListResponse_Total{Total: 2}}},
		"Spawn: show item":                          {"Spawn", &pb.SpawnRequest{Message: &pb.SpawnRequest_ShowItem{}}},
		"Open: OpenRequest":                         {"Open", &pb.OpenRequest{Args: []string{"--password", "x"}}},
		"Stats: message":                            {"Stats", nil},
	} {
		if got := kindOf(c.method, c.payload); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestRawStderr: output that is not a log line comes unchanged, however it arrives, and the last lines are remembered.
func TestRawStderr(t *testing.T) {
	text := "one\n\n  two\r 50%\r100%\n\x1b[31mred\x1b[0m\n{\"@level\":\"warn\",\"@message\":\"logged\",\"n\":3}\n{not json\n{\"a\":1}\n" + strings.Repeat("x", 3*maxLine) + "\nno end"
	var raw, logged bytes.Buffer
	l := newStderrLog(hclog.New(&hclog.LoggerOptions{Output: &logged, DisableTime: true, Level: hclog.Debug}), &raw)
	l.drain(iotest.OneByteReader(strings.NewReader(text)))
	if diff := cmp.Diff(strings.Replace(text, "{\"@level\":\"warn\",\"@message\":\"logged\",\"n\":3}\n", "", 1), raw.String()); diff != "" {
		t.Errorf("copied, - want:\n%s", diff)
	}
	if !strings.Contains(logged.String(), "[WARN]  logged: n=3") || strings.Contains(logged.String(), "one") {
		t.Errorf("logged: %s", logged.String())
	}
	if tail := l.tail(); len(tail) == 0 || tail[0] != "one" || len(tail[len(tail)-1]) > tailWidth+len("…") {
		t.Errorf("remembered: %q", tail)
	}
}
