package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// Every line of --progress json is as docs/reference/json-output.schema.json says, and docs/reference/json-output.md has each of its fields.
func TestJSONOutputIsAsDocumented(t *testing.T) {
	t.Parallel()
	python := hosttest.NeedPython(t, "../../..")
	schema := compileSchema(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"gated.py": gated, "go": "", "texts/a.txt": "12345", "texts/b.txt": "123"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	touch := []string{filepath.Join(built, "plugins", "touch"), "Touch", "--mixin", "hard_shard_mode.input_path=texts", "hard_shard_mode.output_path=out", "finish_check_mode=null"}
	tests := []struct {
		name  string
		words []string
		types []string
	}{
		{"a run", touch, []string{"begin", "summary"}},
		{"failed items", []string{"gated.py", "Gated"}, []string{"begin", "failed", "failed_group", "summary"}},
		{"the same again", []string{"--retry-failed=last", "gated.py", "Gated"}, []string{"begin", "failed", "failed_group", "summary"}},
		{"without a ledger", []string{"--no-ledger", "--max-failures", "0", "gated.py", "Gated"}, []string{"begin", "failed", "failed_group", "summary"}},
		{"a wrong flag", []string{"--retries", "-1", "gated.py", "Gated"}, []string{"exit_error"}},
		{"no such plugin", []string{"nothing.py"}, []string{"exit_error"}},
		{"status", []string{"--chunksize", "1", "gated.py", "Slow"}, []string{"begin", "status", "summary"}},
		{"all fail alike", []string{"--chunksize", "1", "gated.py", "Broken"}, []string{"begin", "failed", "warning", "failed_group", "summary"}},
	}
	if err := os.WriteFile(filepath.Join(dir, "gated.py"), []byte(gated+`

class Slow(Gated):
    def process(self, name):
        if name == "item-000":
            time.sleep(1.2)


class Broken(Gated):
    def process(self, name):
        raise ValueError("all the same")
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(built, "bin", "kagurazaka"), append([]string{"--progress", "json", "--num_process", "2"}, tt.words...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "KAGURAZAKA_PYTHON="+python, "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), "XDG_STATE_HOME="+filepath.Join(dir, ".state"), "HOME="+dir, mark+"="+dir)
			out, err := cmd.Output()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			var types []string
			for line := range bytes.Lines(out) {
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if err := schema.Validate(value); err != nil {
					t.Errorf("%s\n%v", line, err)
				}
				object := value.(map[string]any)
				if kind := object["message_type"].(string); !slices.Contains(types, kind) {
					types = append(types, kind)
				}
				if run, ok := object["run"]; ok {
					if info, err := os.Stat(object["ledger"].(string)); err != nil || !info.IsDir() || filepath.Base(object["ledger"].(string)) != run {
						t.Errorf("%s: no such ledger: %v", line, err)
					}
				}
			}
			if tt.name == "a run" && !bytes.Contains(out, []byte(`"bytes":{"in":8,"in_items":2,"out":`)) {
				t.Errorf("the two inputs of 8 bytes are not counted:\n%s", out)
			}
			// How many statuses there are depends on the machine.
			types = slices.DeleteFunc(types, func(kind string) bool { return kind == "status" && !slices.Contains(tt.types, "status") })
			slices.Sort(types[1 : max(len(types), 2)-1])
			want := slices.Clone(tt.types)
			slices.Sort(want[1 : max(len(want), 2)-1])
			if !slices.Equal(types, want) {
				t.Errorf("the types are %v, want %v\n%s", types, tt.types, out)
			}
		})
	}
}

const schemaPath = "../../../docs/reference/json-output.schema.json"

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// A line that is not as the schema says is found, and every field of the schema is in the documentation.
func TestJSONSchemaIsStrictAndDocumented(t *testing.T) {
	schema := compileSchema(t)
	for _, line := range []string{
		`{"message_type":"begin"}`, `{"message_type":"other"}`, `{"done":1}`, `{"message_type":"exit_error","code":1,"message":"x","more":1}`,
		`{"message_type":"exit_error","code":"1","message":"x"}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s is valid", line)
		}
	}
	data, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/reference/json-output.md")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Defs map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for name, def := range all.Defs {
		_, section, _ := strings.Cut(string(page), "\n## "+name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if name == "stage" || name == "stages" {
			_, section, _ = strings.Cut(string(page), "\n## Stages\n")
		}
		for field := range def.Properties {
			if field != "message_type" && !strings.Contains(section, "`"+field+"`") {
				t.Errorf("docs/reference/json-output.md lacks %s of %s", field, name)
			}
		}
	}
}
