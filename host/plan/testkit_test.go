package plan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// mode makes a node of a built-in mode from plain values.
func mode(name string, fields map[string]any) *template.Node {
	spec, ok := template.SpecOf(name)
	n := &template.Node{Kind: template.KindMode, Mode: name}
	if !ok {
		return n
	}
	for _, f := range spec.Fields {
		if v, given := fields[f.Name]; given {
			if sub, isNode := v.(*template.Node); isNode {
				n.Set(f.Name, sub)
				continue
			}
			n.Set(f.Name, template.Scalar(v))
		}
	}
	return n
}

// root makes a template's root from its top-level fields, by role.
func root(fields map[string]*template.Node) *template.Node {
	n := &template.Node{Kind: template.KindMap}
	for _, f := range template.TopLevelFields() {
		if v, ok := fields[f.Name]; ok {
			n.Set(f.Name, v)
		}
	}
	return n
}

func folders(in, out string) *template.Node {
	return mode("NoHardShard", map[string]any{"input_path": in, "output_path": out})
}

func byExts(exts ...string) *template.Node {
	list := []any{}
	for _, e := range exts {
		list = append(list, e)
	}
	return mode("InputByExts", map[string]any{"exts": list})
}

func softShard(name string, shards int, idx ...any) *template.Node {
	return mode(name, map[string]any{"shard_idx": idx, "shard_num": num(shards)})
}

func checkOutput(suffix any) *template.Node {
	return mode("FinishCheckByOutputFileExistence", map[string]any{"output_field_suffix": suffix})
}

func mustCompile(t testing.TB, fields map[string]*template.Node) *template.Template {
	t.Helper()
	compiled, problems := template.Compile(root(fields))
	for _, p := range problems {
		if !p.Warning {
			t.Fatalf("compiling: %v", problems)
		}
	}
	return compiled
}

// walked is what a walk gave.
type walked struct {
	lines    []string
	refused  []string
	warnings []Warning
	counters Counters
	err      error
}

func walkAll(t testing.TB, tmpl *template.Template) *walked {
	t.Helper()
	return walkFrom(t, tmpl, Options{})
}

func walkWith(t testing.TB, tmpl *template.Template, policy Policy) *walked {
	t.Helper()
	return walkFrom(t, tmpl, Options{Policy: policy})
}

func walkFrom(t testing.TB, tmpl *template.Template, o Options) *walked {
	t.Helper()
	w := &walked{}
	o.Warn = func(warning Warning) { w.warnings = append(w.warnings, warning) }
	w.err = walkInputs(t.Context(), tmpl, walkOptions{
		Options:  o,
		counters: &w.counters,
		need:     Need{Line: true},
		item: func(i *Item) error {
			if i.Refusal != "" {
				w.refused = append(w.refused, i.Refusal)
			} else {
				w.lines = append(w.lines, string(i.Line))
			}
			return nil
		},
	})
	return w
}

// messages are what the walk warned of, notes included.
func (w *walked) messages() []string {
	var all []string
	for _, x := range w.warnings {
		all = append(all, x.String())
	}
	return all
}

// paths are the input paths of the items.
func (w *walked) paths(t testing.TB) []string {
	t.Helper()
	var paths []string
	for _, l := range w.lines {
		var item struct{ Input struct{ Path string } }
		if err := json.Unmarshal([]byte(l), &item); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		paths = append(paths, item.Input.Path)
	}
	return paths
}

func touch(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func mkdir(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func num(i int) json.Number { return json.Number(strconv.Itoa(i)) }
