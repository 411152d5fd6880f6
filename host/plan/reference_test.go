package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// These tests compare with what kagurazaka 0.1.1 answered, as testdata/reference.py recorded it.

type referenceCases struct {
	Tree struct {
		Files, Folders []string
		Links          map[string]string
	}
	Inputs []struct {
		Mode      string
		Args      map[string]any
		Lines     *string
		InputPath string `json:"input_path"`
	}
	Outputs []struct {
		Mode       string
		Args       map[string]any
		OutputPath string `json:"output_path"`
		Input      [3]string
	}
	HardShards []map[string]any `json:"hard_shards"`
	SoftShards []map[string]any `json:"soft_shards"`
}

type referenceAnswers struct {
	Inputs     [][]any
	Outputs    []any
	HardShards [][2]string `json:"hard_shards"`
	SoftShards [][]uint64  `json:"soft_shards"`
}

func loadReference(t *testing.T) (c referenceCases, a referenceAnswers) {
	t.Helper()
	load := func(file string, into any) {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	load("cases.json", &c)
	load("reference.json", &a)
	return c, a
}

func (c *referenceCases) makeTree(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	mkdir(t, c.Tree.Folders...)
	touch(t, c.Tree.Files...)
	for link, to := range c.Tree.Links {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInputsAsTheReference(t *testing.T) {
	cases, answers := loadReference(t)
	cases.makeTree(t)
	for i, c := range cases.Inputs {
		args := c.Args
		if c.Lines != nil {
			args = map[string]any{"jsonl_path": "lines.jsonl"}
			if err := os.WriteFile("lines.jsonl", []byte(*c.Lines), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(fmt.Sprintf("%s %v %s", c.Mode, c.Args, c.InputPath), func(t *testing.T) {
			w := walkAll(t, mustCompile(t, map[string]*template.Node{
				template.RoleHardShard: folders(c.InputPath, "OUT"),
				template.RoleInput:     mode(c.Mode, args),
			}))
			if w.err != nil {
				t.Fatal(w.err)
			}
			var want []string
			for _, item := range answers.Inputs[i] {
				want = append(want, canonical(t, item))
			}
			got := decodeAll(t, w.lines)
			if c.Lines == nil {
				// Folders come in the file system's order there.
				slices.Sort(got)
				slices.Sort(want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("items (- reference, + ours):\n%s", diff)
			}
		})
		if c.Lines != nil {
			if err := os.Remove("lines.jsonl"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// canonical writes a value with its keys sorted.
func canonical(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decodeAll(t *testing.T, lines []string) []string {
	t.Helper()
	var all []string
	for _, l := range lines {
		d := json.NewDecoder(strings.NewReader(l))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		// 1.5e3 and 1500.0 are one number.
		all = append(all, canonical(t, v))
	}
	return all
}

func TestOutputsAsTheReference(t *testing.T) {
	cases, answers := loadReference(t)
	for i, c := range cases.Outputs {
		tmpl := mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders("IN", c.OutputPath),
			template.RoleOutput:    mode(c.Mode, c.Args),
		})
		in := triplet{Path: c.Input[0], RelDir: c.Input[1], FileName: c.Input[2]}
		got := "{" + string(outputsOf(tmpl).append(nil, in)) + "}"
		if diff := cmp.Diff(canonical(t, answers.Outputs[i]), decodeAll(t, []string{got})[0]); diff != "" {
			t.Errorf("%s %v of %v (- reference, + ours):\n%s", c.Mode, c.Args, c.Input, diff)
		}
	}
}

func TestHardShardsAsTheReference(t *testing.T) {
	cases, answers := loadReference(t)
	for i, c := range cases.HardShards {
		tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: mode("HardShardModeV1", c)})
		if got := [2]string{tmpl.InputPath, tmpl.OutputPath}; got != answers.HardShards[i] {
			t.Errorf("%v: %v, reference %v", c, got, answers.HardShards[i])
		}
	}
}

func TestSoftShardsAsTheReference(t *testing.T) {
	cases, answers := loadReference(t)
	for i, c := range cases.SoftShards {
		tmpl := mustCompile(t, map[string]*template.Node{template.RoleSoftShard: mode("SoftShard", c)})
		var got []uint64
		for n := range uint64(60) {
			if belongs(tmpl.Shard, n) {
				got = append(got, n)
			}
		}
		if diff := cmp.Diff(answers.SoftShards[i], got); diff != "" {
			t.Errorf("%v (- reference, + ours):\n%s", c, diff)
		}
	}
}
