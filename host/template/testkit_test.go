package template

import (
	"encoding/json"
	"strconv"
	"testing"
)

// mode makes a node of a built-in mode from plain values.
func mode(name string, fields map[string]any) *Node {
	n := &Node{Kind: KindMode, Mode: name}
	spec, _ := SpecOf(name)
	for _, f := range spec.Fields {
		switch v := fields[f.Name].(type) {
		case nil:
			if _, given := fields[f.Name]; given {
				n.Set(f.Name, Scalar(nil))
			}
		case *Node:
			n.Set(f.Name, v)
		default:
			n.Set(f.Name, Scalar(v))
		}
	}
	return n
}

// root makes a template's root from its top-level fields, by role.
func root(fields map[string]*Node) *Node {
	n := &Node{Kind: KindMap}
	for _, f := range TopLevelFields() {
		if v, ok := fields[f.Name]; ok {
			n.Set(f.Name, v)
		}
	}
	return n
}

func folders(in, out string) *Node {
	return mode("NoHardShard", map[string]any{"input_path": in, "output_path": out})
}

func byExts(exts ...string) *Node {
	list := []any{}
	for _, e := range exts {
		list = append(list, e)
	}
	return mode("InputByExts", map[string]any{"exts": list})
}

func softShard(name string, shards int, idx ...any) *Node {
	return mode(name, map[string]any{"shard_idx": idx, "shard_num": num(shards)})
}

func checkOutput(suffix any) *Node {
	return mode("FinishCheckByOutputFileExistence", map[string]any{"output_field_suffix": suffix})
}

func mustCompile(t testing.TB, fields map[string]*Node) *Template {
	t.Helper()
	compiled, problems := Compile(root(fields))
	if len(problems) > 0 {
		t.Fatalf("compiling: %v", problems)
	}
	return compiled
}

func num(i int) json.Number { return json.Number(strconv.Itoa(i)) }
