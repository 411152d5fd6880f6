package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/cli"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// TestReferenceIsUpToDate: `task docs` changes no file.
func TestReferenceIsUpToDate(t *testing.T) {
	pages, err := cli.Manual()
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../../docs/reference"
	files, err := reference(dir, pages)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != text {
			t.Errorf("docs/reference/%s differs from the grammar and the schema: run task docs", name)
		}
	}
	for _, want := range []string{"`--limit N`", "`--device", "### launch slurm", `or KAGURAZAKA\_RETRIES)`, "`--prune N`", "`--user`"} {
		if !strings.Contains(files["command-line.md"], want) {
			t.Errorf("command-line.md has no %s", want)
		}
	}
	for _, want := range []string{"`InputByTar(glob", "### SoftShardByHash", "| `redo` |"} {
		if !strings.Contains(files["templates.md"], want) {
			t.Errorf("templates.md has no %s", want)
		}
	}
}

func TestReplace(t *testing.T) {
	const text = "before\n<!-- generated: a -->\nold\n<!-- end -->\nafter\n"
	got, err := replace(text, map[string]string{"a": "new\n"})
	if want := "before\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\nafter\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	again, err := replace(got, map[string]string{"a": "new\n"})
	if err != nil || again != got {
		t.Errorf("a second time: %q, %v", again, err)
	}
	if _, err := replace(text, map[string]string{"b": "new"}); err == nil {
		t.Error("a missing marker was not reported")
	}
}

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"With --from (or -o), *.txt and a_b":                   "With `--from` (or `-o`), \\*.txt and a\\_b",
		"see kagurazaka PLUGIN TASK -h, kagurazaka work and x": "see `kagurazaka PLUGIN TASK -h`, `kagurazaka work` and x",
		"- is stdin; -- ends [it] <now>":                       "- is stdin; -- ends \\[it] &lt;now>",
	} {
		if got := prose(text); got != want {
			t.Errorf("prose(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"--limit N":              `\-\-limit N`,
		".hidden 'quoted' \"b\"": `\&.hidden \(aqquoted\(aq \(dqb\(dq`,
		`a\b ^ ~ ` + "`":         `a\eb \(ha \(ti \(ga`,
		"HOST… two\nlines":       `HOST\[u2026] two lines`,
	} {
		if got := roff(text); got != want {
			t.Errorf("roff(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestManPages: groff, where it is installed, has no complaint about a page and shows what was meant.
func TestManPages(t *testing.T) {
	pages, err := cli.Manual()
	if err != nil {
		t.Fatal(err)
	}
	odd := cli.Page{Name: "odd", Summary: `.br 'tis \fBa\fP "page"`, Usage: []string{"odd --a|-b ~/x…"}, Text: "'apostrophe first\n.dot \\n second", Sections: []cli.Section{
		{Title: "Flags", Arguments: []schema.Argument{{Name: "x", Flags: []string{"--x", "-x"}, Help: `.PP \e 100%`, Placeholder: "`^|"}}},
	}, Examples: []cli.Example{{Line: `kagurazaka odd '*' > ~/"a b"`, Does: ".SH does."}}}
	files := manPages(append(pages, odd))
	if len(files) != len(pages)+1 {
		t.Fatalf("%d files of %d pages", len(files), len(pages)+1)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not installed: its complaints are not looked at")
		return
	}
	for name, text := range files {
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=200n")
		cmd.Stdin = strings.NewReader(text)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 {
			t.Errorf("groff about %s: %v, %s", name, err, errs.String())
		}
		shown := strings.Join(strings.Fields(string(out)), " ")
		if strings.Contains(name, "odd") {
			for _, want := range []string{`.br 'tis \fBa\fP "page"`, "odd --a|-b ~/x…", "'apostrophe first .dot \\n second", "--x, -x `^|", `.PP \e 100%`, `kagurazaka odd '*' > ~/"a b"`, ".SH does."} {
				if !strings.Contains(shown, want) {
					t.Errorf("the page does not show %q:\n%s", want, out)
				}
			}
		}
		if name == "kagurazaka-show.1" && !strings.Contains(shown, "kagurazaka show last") {
			t.Errorf("%s lacks its example:\n%s", name, out)
		}
	}
}
