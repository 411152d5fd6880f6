package job

import (
	"encoding/json"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestDeviceChunkIsWholeBatchesThatCoverTheLoader(t *testing.T) {
	number := func(s string) any { return json.Number(s) }
	tests := []struct {
		name   string
		loader *template.Node
		want   int
	}{
		{"as a scalar", template.Scalar(map[string]any{"batch_size": number("64"), "num_workers": number("14")}), 640},
		{"as a map", &template.Node{Kind: template.KindMap, Fields: []template.Field{
			{Name: "batch_size", Value: template.Scalar(number("64"))},
			{Name: "num_workers", Value: template.Scalar(number("14"))},
			{Name: "prefetch_factor", Value: template.Scalar(number("4"))},
		}}, 64 * 19},
		{"in the process itself", template.Scalar(map[string]any{"batch_size": number("10")}), 40},
		{"nothing said", template.Scalar(nil), 4},
		{"more than a chunk can hold", template.Scalar(map[string]any{"batch_size": number("5000")}), 15000},
	}
	for _, tt := range tests {
		tree := &template.Node{Kind: template.KindMap, Fields: []template.Field{{Name: template.RoleDataloader, Value: tt.loader}}}
		if got := deviceChunk(tree); got != tt.want {
			t.Errorf("%s: %d items a chunk, want %d", tt.name, got, tt.want)
		}
	}
	if got := deviceChunk(nil); got != 4 {
		t.Errorf("no template: %d items a chunk, want 4", got)
	}
}
