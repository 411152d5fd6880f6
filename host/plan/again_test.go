package plan

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func TestAgain(t *testing.T) {
	files := &template.Template{OutputPath: "out", Output: &template.Output{Kind: template.AppendingExt, Ext: ".x"}}
	folder := &template.Template{OutputPath: "out", Output: &template.Output{Kind: template.Subfoldering, Files: []template.OutputFile{{ID: "a", Name: "a.txt"}}}}
	own := &template.Template{Custom: []string{template.RoleOutput}}
	plain := &template.Template{}
	const input = `"input":{"path":"in/./a","rel_dir":".","file_name":"a"}`
	for _, tt := range []struct {
		name       string
		t          *template.Template
		line, want string
	}{
		{"as it was", files, `{` + input + `,"output":{"path":"out/./a.x","rel_dir":".","file_name":"a.x"}}`,
			`{` + input + `,"output":{"path":"out/./a.x","rel_dir":".","file_name":"a.x"}}`},
		{"edited", files, `{` + input + `,"output":{"path":"/etc/passwd","rel_dir":".","file_name":"a.x"}}`,
			`{` + input + `,"output":{"path":"out/./a.x","rel_dir":".","file_name":"a.x"}}`},
		{"edited twice, by another spelling", files, `{"output":1,` + input + `, "n" : [1, {"output":2}] ,"\u006futput_b":{"path":"/etc/passwd"}}`,
			`{` + input + `,"n":[1, {"output":2}],"output":{"path":"out/./a.x","rel_dir":".","file_name":"a.x"}}`},
		{"a folder", folder, `{` + input + `,"output":{"path":"/","rel_dir":".","file_name":"a"},"output_a":{"path":"/x","rel_dir":".","file_name":"x"}}`,
			`{` + input + `,"output":{"path":"out/./a","rel_dir":".","file_name":"a"},"output_a":{"path":"out/./a/a.txt","rel_dir":"./a","file_name":"a.txt"}}`},
		{"an output mode of the plugin's", own, `{` + input + `,"output":{"path":"/x"},"output_a":2}`, `{` + input + `}`},
		{"no output mode: a field like any other", plain, `{"output":"x"}`, `{"output":"x"}`},
	} {
		again, err := NewAgain(tt.t, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, refusal, err := again.line([]byte(tt.line))
		if err != nil || refusal != "" || string(got) != tt.want {
			t.Errorf("%s: %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
	again, err := NewAgain(files, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`{}`, `{"input":{"path":"a"}}`, `[]`, `{"input":{"path":"a","rel_dir":"b","file_name":"c"}`} {
		if got, _, err := again.line([]byte(line)); err == nil {
			t.Errorf("%s became %s", line, got)
		}
	}
	if _, refusal, err := again.line([]byte(`{"input":{"path":"in/a","rel_dir":"../../etc","file_name":"passwd"}}`)); err != nil || refusal == "" {
		t.Errorf("an edited rel_dir: %q, %v", refusal, err)
	}
}
