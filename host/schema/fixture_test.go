package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/schema/schematest"
)

var update = flag.Bool("update", false, "write the golden files again")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func num(s string) json.Number { return json.Number(s) }

var (
	resize   = schematest.Resize
	upscale  = schematest.Upscale
	backbone = schematest.Backbone
	plugin   = schematest.Plugin
)

func TestHelp(t *testing.T) {
	for _, c := range []struct {
		file string
		task *schema.Task
		o    schema.HelpOptions
	}{
		{"help_resize.txt", resize(), schema.HelpOptions{Command: []string{"kagurazaka", "./plugins/resize", "Resize"}}},
		{"help_resize_40.txt", resize(), schema.HelpOptions{Command: []string{"kagurazaka", "./plugins/resize", "Resize"}, Width: 40}},
		{"help_resize_60.txt", resize(), schema.HelpOptions{Command: []string{"kagurazaka", "./plugins/resize", "Resize"}, Width: 60}},
		{"help_upscale_color.txt", upscale(), schema.HelpOptions{Command: []string{"kagurazaka", "PLUGIN", "Upscale"}, Color: true, Width: 100}},
		{"help_factory.txt", &plugin().Tasks[2], schema.HelpOptions{Command: []string{"kagurazaka", "PLUGIN", plugin().Tasks[2].Name}}},
	} {
		var b bytes.Buffer
		if err := schema.Help(&b, c.task, c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, b.Bytes())
	}
}

func TestArgumentsHelp(t *testing.T) {
	var b bytes.Buffer
	if err := schema.ArgumentsHelp(&b, "Flags of the backbone mp:", backbone(), 0); err != nil {
		t.Fatal(err)
	}
	golden(t, "help_backbone.txt", b.Bytes())
}

func TestSkeletonText(t *testing.T) {
	for name, task := range map[string]*schema.Task{"skeleton_resize.yaml": resize(), "skeleton_upscale.yaml": upscale()} {
		var b bytes.Buffer
		if err := schema.Skeleton(&b, task, "kagurazaka PLUGIN "+task.Name, backbone(), nil); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestDescribe(t *testing.T) {
	var text, all, one bytes.Buffer
	if err := schema.DescribeText(&text, plugin(), 0); err != nil {
		t.Fatal(err)
	}
	golden(t, "describe.txt", text.Bytes())
	if err := schema.DescribeJSON(&all, plugin(), "", backbone()); err != nil {
		t.Fatal(err)
	}
	var compact, indented bytes.Buffer
	if err := errors.Join(json.Compact(&compact, all.Bytes()), json.Indent(&indented, compact.Bytes(), "", "  ")); err != nil {
		t.Fatal(err)
	}
	if indented.String() != strings.TrimSuffix(all.String(), "\n") {
		t.Errorf("the description is not indented by two spaces:\n%s", all.Bytes())
	}
	// A line for each thing that has a name.
	golden(t, "describe.json", append(bytes.ReplaceAll(compact.Bytes(), []byte(`{"name":`), []byte("\n{\"name\":")), '\n'))
	if err := schema.DescribeJSON(&one, plugin(), "Upscale", nil); err != nil {
		t.Fatal(err)
	}
	var read struct{ Tasks []struct{ Name string } }
	if err := json.Unmarshal(one.Bytes(), &read); err != nil || len(read.Tasks) != 1 || read.Tasks[0].Name != "Upscale" {
		t.Errorf("one task: %v, %v", read, err)
	}
	if err := schema.DescribeJSON(&one, plugin(), "Nothing", nil); err == nil {
		t.Error("a missing task was described")
	}
}

func TestPluginRoundTrip(t *testing.T) {
	p := plugin()
	p.Tasks[0].Arguments[1].Default = num("12345678901234567890.125")
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back schema.Plugin
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, again) {
		t.Errorf("%s\nbecame\n%s", text, again)
	}
	if diff := cmp.Diff(*p, back); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"Tasks": 3}`), &back); err == nil {
		t.Error("an invalid plugin was read")
	}
}

func TestJSONSchemaText(t *testing.T) {
	text, err := json.MarshalIndent(schema.JSONSchema(upscale(), backbone()), "", "  ")
	text = append(text, '\n')
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema_upscale.json", text)
	var b bytes.Buffer
	if err := schema.DescribeJSON(&b, plugin(), "Upscale", backbone()); err != nil {
		t.Fatal(err)
	}
	var described struct {
		Tasks []struct {
			Schema any `json:"config_schema"`
		}
	}
	var alone any
	if err := errors.Join(json.Unmarshal(b.Bytes(), &described), json.Unmarshal(text, &alone)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone, described.Tasks[0].Schema); diff != "" {
		t.Errorf("alone and in the description (-alone +described):\n%s", diff)
	}
}
