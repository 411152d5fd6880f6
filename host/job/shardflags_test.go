package job

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestShardNode(t *testing.T) {
	mode := func(kind string, idx, num int, sub *template.Node) *template.Node {
		if sub == nil {
			sub = template.Scalar(nil)
		}
		number := func(n int) *template.Node { return template.Scalar(json.Number(fmt.Sprint(n))) }
		return &template.Node{Kind: template.KindMode, Mode: kind, Fields: []template.Field{
			{Name: "shard_idx", Value: number(idx)}, {Name: "shard_num", Value: number(num)}, {Name: "subshard", Value: sub},
		}}
	}
	asMap := func(n *template.Node, named bool) *template.Node {
		if named {
			n.Fields = append(n.Fields, template.Field{Name: "mode", Value: template.Scalar(n.Mode)})
		}
		n.Kind, n.Mode = template.KindMap, ""
		return n
	}
	custom := &template.Node{Kind: template.KindMode, Mode: "Mine", Custom: true}
	for name, c := range map[string]struct {
		node *template.Node
		want string
	}{
		"none":                  {nil, "1/3"},
		"null":                  {template.Scalar(nil), "1/3"},
		"one that is not given": {&template.Node{Kind: template.KindPlaceholder}, "1/3"},
		"whole":                 {mode("SoftShard", 0, 1, nil), "1/3"},
		"whole by hash":         {mode("SoftShardByHash", 0, 1, nil), "#1/3"},
		"a part":                {mode("SoftShard", 2, 5, nil), "2/5 1/3"},
		"a part by hash":        {mode("SoftShardByHash", 2, 5, nil), "#2/5 #1/3"},
		"a part of a part":      {mode("SoftShardByHash", 2, 5, mode("SoftShardByHash", 3, 4, nil)), "#2/5 #3/4 #1/3"},
		"a map":                 {asMap(mode("SoftShard", 2, 5, asMap(mode("SoftShard", 3, 4, nil), false)), false), "2/5 3/4 1/3"},
		"a map with its mode":   {asMap(mode("SoftShardByHash", 2, 5, nil), true), "#2/5 #1/3"},
		"the plugin's own":      {custom, ""},
	} {
		root := &template.Node{Kind: template.KindMap, Fields: []template.Field{{Name: template.RoleSoftShard, Value: c.node}}}
		done := shardNode(root, part{1, 3}, "--shard 1/3")
		if done != (c.want != "") {
			t.Errorf("%s: %v", name, done)
		}
		if c.want == "" {
			continue
		}
		compiled, problems := template.Compile(root)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		var got []string
		for s := compiled.Shard; s != nil; s = s.Sub {
			text := part{int(s.Idx[0]), int(s.Num)}.String()
			if s.ByHash {
				text = "#" + text
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestPart(t *testing.T) {
	t.Setenv("JOB_COMPLETION_INDEX", "2")
	for text, want := range map[string]string{
		"0/1": "0/1", "3/4": "3/4", "auto/4": "2/4",
		"4/4": "from 0 to 3", "-1/4": "from 0 to 3", "1": "must be I/N", "x/4": "must be I/N", "1/0": "must be I/N", "1/+3": "must be I/N", "+1/3": "must be I/N", "auto/+4": "must be I/N", "1/2/3": "must be I/N", "auto/x": "must be I/N",
		"auto": "auto/N", "auto/2": "below 2",
	} {
		s := &Session{Program: &Program{Flags: &Flags{ShardFlags: ShardFlags{Shard: text}}, Log: hclog.NewNullLogger(), Note: func(string) {}}}
		p, _, err := s.part()
		got := fmt.Sprint(p)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
