package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// merging is a template whose input mode merges two.
func merging() *template.Node {
	return &template.Node{Kind: template.KindMap, Fields: []template.Field{
		field("input_mode", mode("InputByMerge", field("modes", &template.Node{Kind: template.KindList, List: []*template.Node{
			mode("InputByExts", field("exts", []any{".a"})), mode("InputByGlob", field("glob_pattern", placeholder())),
		}}))),
	}}
}

// The mode keeps its own name, and another spelling of it does not make a new mode.
func TestApplyTakesOtherSpellings(t *testing.T) {
	own := mode("OutputByAppendingExt", field("ext", ".own"))
	own.Custom = true
	for _, c := range []struct {
		name    string
		current *template.Node
		mixins  []string
		want    string
	}{
		{"a new mode", mode("OutputByReplacingExt", field("ext", ".a")), []string{"output_mode=OutputByAppendingExt", "output_mode.ext=.b"}, `OutputByApendingExt{ext:".b"}`},
		{"the same mode", mode("OutputByApendingExt", field("ext", ".a")), []string{"output_mode=OutputByAppendingExt"}, `OutputByApendingExt{ext:".a"}`},
		{"in a map", mode("OutputByApendingExt", field("ext", ".a")), []string{"output_mode={mode: OutputByAppendingExt}"}, `OutputByApendingExt{ext:".a"}`},
		{"a mode of the plugin's", own, []string{"output_mode=OutputByAppendingExt", "output_mode.ext=.b"}, `OutputByAppendingExt{ext:".b"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl := &template.Node{Kind: template.KindMap, Fields: []template.Field{field("output_mode", c.current)}}
			cfg, problems := Load(Sources{Mixins: c.mixins, Template: tmpl})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got, problems := Apply(tmpl, cfg.Mixin, false)
			if len(problems) > 0 {
				t.Error(problems)
			}
			if diff := cmp.Diff(c.want, show(got.Get("output_mode"))); diff != "" {
				t.Errorf("the mode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyReachesTheModesOfAList(t *testing.T) {
	const wrong = "--mixin 'input_mode.modes=[{mode: InputByExt}, {exts: .a}, SoftShard]': "
	for _, c := range []struct {
		name   string
		mixins []string
		want   string
		wrong  []string
	}{
		{"a field of each", []string{"input_mode.modes.0.exts=[.b]", "input_mode.modes.1.glob_pattern=*"}, `InputByMerge{modes:[InputByExts{exts:[".b"]} InputByGlob{glob_pattern:"*"}]}`, nil},
		{"text as it was typed", []string{"input_mode.modes.0.exts.0=010", "input_mode.modes.1.glob_pattern=[a] #1"},
			`InputByMerge{modes:[InputByExts{exts:["010"]} InputByGlob{glob_pattern:"[a] #1"}]}`, nil},
		{"another mode", []string{"input_mode.modes.1=InputByExts", "input_mode.modes.1.exts=.c"}, `InputByMerge{modes:[InputByExts{exts:[".a"]} InputByExts{exts:".c" recursive:true ignore:null min_size:null max_size:null newer_than:null}]}`, nil},
		{"another list", []string{"input_mode.modes=[{mode: InputByGroup, files: {x: .x, a: [.a, 1]}}, InputByExts]"},
			`InputByMerge{modes:[InputByGroup{files:{x:".x" a:[".a" "1"]} required:null} InputByExts{exts:<> recursive:true ignore:null min_size:null max_size:null newer_than:null}]}`, nil},
		{"another input mode", []string{"input_mode={mode: InputByFilenameSubfoldering, file_to_read: {z: 010, a: b}}"},
			`InputByFilenameSubfoldering{file_to_read:{z:"010" a:"b"} required:null}`, nil},
		{"wrong ones", []string{"input_mode.modes=[{mode: InputByExt}, {exts: .a}, SoftShard]"}, `InputByMerge{modes:[null null null]}`, []string{
			wrong + "input_mode.modes.0: must be one of " + choices("input_mode") + ", not InputByExt (did you mean InputByExts?)",
			wrong + "input_mode.modes.1: these fields have no mode here yet (add input_mode.modes.1.mode=NAME, where NAME is one of " + choices("input_mode") + ")",
			wrong + "input_mode.modes.2: must be one of " + choices("input_mode") + ", not SoftShard, which is for soft_shard",
		}},
		{"a wrong field", []string{"input_mode.modes.0.ext=.b"}, `InputByMerge{modes:[InputByExts{exts:[".a"]} InputByGlob{glob_pattern:<>}]}`,
			[]string{"--mixin input_mode.modes.0.ext=.b: InputByExts has no field ext (did you mean exts?)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, problems := Load(Sources{Mixins: c.mixins, Template: merging()})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got, problems := Apply(merging(), cfg.Mixin, false)
			if diff := cmp.Diff(c.want, show(got.Get("input_mode"))); diff != "" {
				t.Errorf("the mode (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.wrong, lines(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
