package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPrecedence for the table of docs/reference/configuration.md: each row wins over all that follow.
func TestPrecedence(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## Precedence\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| (.+) \\| `([^`]+)` \\|$").FindAllStringSubmatch(section, -1)
	if len(rows) != 5 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "noop")
	binary, err := os.ReadFile(filepath.Join(built, "plugins", "noop"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("noop", string(binary), 0o700)
	args := []string{"config", "--json", plugin, "Noop"}
	env := append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	// From the last row to the first: each has to win over those that are there already.
	for i := len(rows) - 1; i >= 0; i-- {
		from, example := rows[i][1], rows[i][2]
		switch from {
		case "the command line":
			args = append(args, strings.Fields(example)...)
		case "the environment":
			env = append(env, example)
		case "`--cfg`":
			args = append(args, "--cfg", write("cfg.yaml", example+"\n", 0o600))
		case "`kagurazaka.yaml`":
			write("kagurazaka.yaml", "tasks:\n  Noop: {"+example+"}\n", 0o600)
		case "the default of the task or of the host":
		default:
			t.Fatalf("%s is not known to this test", from)
		}
		cmd := exec.Command(filepath.Join(built, "bin", "kagurazaka"), args...)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		var shown struct {
			Values struct {
				Backbone []struct {
					Name  string `json:"name"`
					Value any    `json:"value"`
				} `json:"backbone"`
			} `json:"values"`
		}
		if err := json.Unmarshal(out, &shown); err != nil {
			t.Fatal(err)
		}
		words := strings.FieldsFunc(example, func(r rune) bool { return strings.ContainsRune(" ={}:", r) })
		want := words[len(words)-1]
		for _, s := range shown.Values.Backbone {
			if got, _ := json.Marshal(s.Value); s.Name == "chunksize" && strings.Trim(string(got), `"`) != want {
				t.Errorf("with %s, chunksize is %s, want %s", from, got, want)
			}
		}
	}
}
