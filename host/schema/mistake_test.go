package schema

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestMistakeCounts(t *testing.T) {
	mode := func(name string) *template.Node { return &template.Node{Kind: template.KindMode, Mode: name} }
	tree := func(input, output *template.Node) *template.Node {
		return &template.Node{Kind: template.KindMap, Fields: []template.Field{{Name: "input_mode", Value: input}, {Name: "output_mode", Value: output}}}
	}
	described := tree(mode("InputByExts"), mode("OutputByApendingExt"))
	for name, c := range map[string]struct {
		fields          []string
		described, tree *template.Node
		counts          bool
	}{
		"as described":         {[]string{"input_mode", "output_mode"}, described, described, true},
		"no field":             {nil, described, tree(template.Scalar(nil), template.Scalar(nil)), true},
		"no template":          {[]string{"input_mode"}, nil, nil, true},
		"output taken away":    {[]string{"output_mode"}, described, tree(mode("InputByExts"), template.Scalar(nil)), false},
		"another field":        {[]string{"input_mode"}, described, tree(mode("InputByExts"), template.Scalar(nil)), true},
		"another mode":         {[]string{"input_mode"}, described, tree(mode("InputFromWhateverJsonl"), mode("OutputByApendingExt")), false},
		"a mode for null":      {[]string{"input_mode"}, tree(template.Scalar(nil), nil), described, false},
		"null and not there":   {[]string{"output_mode"}, tree(nil, nil), tree(nil, template.Scalar(nil)), true},
		"field of its own":     {[]string{"dataloader"}, described, described, true},
		"several, one is gone": {[]string{"input_mode", "output_mode"}, described, tree(template.Scalar(nil), mode("OutputByApendingExt")), false},
	} {
		m := Mistake{Where: "a.py:1", Message: "wrong", Fields: c.fields}
		if got := m.Counts(c.described, c.tree); got != c.counts {
			t.Errorf("%s: counts: %v, want %v", name, got, c.counts)
		}
	}
}
