package plan

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// TestItemsInOrder: a walk that numbers its items passes on what the fast one passes on, and numbers do not depend on what is finished.
func TestItemsInOrder(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range 40 {
		touch(t, fmt.Sprintf("in/%c/%d.jpg", 'a'+i%3, i))
		if i%4 == 0 {
			touch(t, fmt.Sprintf("out/%c/%d.jpg.txt", 'a'+i%3, i))
		}
	}
	for _, shard := range []*template.Node{
		softShard("SoftShard", 1, json.Number("0")), softShard("SoftShard", 3, json.Number("0"), json.Number("2")), softShard("SoftShardByHash", 3, json.Number("1")),
	} {
		for _, in := range []*template.Node{byExts(".jpg"), mode("InputByGlob", map[string]any{"glob_pattern": "*/*.jpg"})} {
			tmpl := mustCompile(t, map[string]*template.Node{
				"hard_shard_mode": folders("in", "out"), "soft_shard": shard, "input_mode": in, "output_mode": mode("OutputByApendingExt", map[string]any{"ext": ".txt"}),
				"finish_check_mode": checkOutput(nil),
			})
			fast := walkAll(t, tmpl)
			for _, journal := range []Journal{nil, &said{}} {
				var slow, numbered []string
				var counters Counters
				err := walkInputs(t.Context(), tmpl, walkOptions{
					Options: Options{Journal: journal}, counters: &counters, need: Need{Line: true, Input: true, Order: true, Done: true},
					item: func(i *Item) error {
						if i.Number != uint64(len(numbered)) {
							t.Errorf("item %d has the number %d", len(numbered), i.Number)
						}
						numbered = append(numbered, i.Input.Path)
						if i.State == template.OutputMissing {
							slow = append(slow, string(i.Line))
						}
						return nil
					},
				})
				if err != nil || fast.err != nil {
					t.Fatal(err, fast.err)
				}
				if diff := cmp.Diff(fast.lines, slow); diff != "" {
					t.Errorf("%s, - fast, + in order:\n%s", in.Mode, diff)
				}
				if n := counters.InShard.Load(); n != uint64(len(numbered)) || n != fast.counters.InShard.Load() || counters.Done.Load() != fast.counters.Done.Load() || n == 0 {
					t.Errorf("%d items in the shard, %d passed on", n, len(numbered))
				}
			}
		}
	}
}
