package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// linesFile writes the lines of a file and compiles a template that reads it, with outputs below out.
func linesFile(t *testing.T, output *template.Node, lines ...string) *template.Template {
	t.Helper()
	if err := os.WriteFile("m.jsonl", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return mustCompile(t, map[string]*template.Node{
		template.RoleHardShard: folders("in", "out"), template.RoleOutput: output,
		template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "m.jsonl"}),
	})
}

func lineOf(path, rel, name string) string {
	return string((*outputs)(nil).appendItem(nil, triplet{Path: path, RelDir: rel, FileName: name}))
}

func TestOutputsOfLinesStayInTheOutputFolder(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	mkdir(t, "real")
	if err := os.Symlink("real", "out"); err != nil {
		t.Fatal(err)
	}
	const outsideText, oursText = "outside of the output folder", "keeps for itself"
	for _, c := range []struct {
		path, rel, name string
		// refused is part of the reason; empty: it is not refused. always: --outputs-outside changes nothing.
		refused string
		always  bool
	}{
		{path: "p", rel: ".", name: "x"},
		{path: "p", rel: "", name: "x"},
		{path: "p", rel: "a/b", name: "x"},
		{path: "p", rel: "a/../b", name: "x"},
		{path: "p", rel: "a//./b/", name: "../x"},
		{path: "p", rel: ".", name: "a/x"},
		{path: "p", rel: filepath.Join(dir, "out", "a"), name: "x"},
		{path: "p", rel: ".", name: filepath.Join(dir, "real", "x")},
		{path: "p", rel: "../out", name: "x"},
		{path: "p", rel: "..a", name: "..x"},
		{path: "p", rel: ".", name: ".kagurazaka.txt"},
		{path: "p", rel: "/etc", name: "x", refused: outsideText},
		{path: "p", rel: "a", name: "/etc/x", refused: outsideText},
		{path: "p", rel: "a/../../x", name: "y", refused: outsideText},
		{path: "p", rel: ".", name: "../x", refused: outsideText},
		{path: "p", rel: "../out2", name: "x", refused: outsideText},
		{path: "p/x", rel: "..", name: "y", refused: outsideText},
		{path: "p/q/x", rel: "../r", name: "x", refused: outsideText},
		{path: "p/x", rel: "../a/../..", name: "x", refused: outsideText},
		{path: "p", rel: ".kagurazaka-staging", name: "x", refused: oursText, always: true},
		{path: "p", rel: "a/.kagurazaka/b", name: "x", refused: oursText, always: true},
		{path: "p", rel: "a/../.kagurazaka", name: "x", refused: oursText, always: true},
		{path: "out/.kagurazaka/x", rel: "../out/.kagurazaka", name: "x", refused: oursText, always: true},
		{path: "p", rel: filepath.Join(dir, "out", ".kagurazaka"), name: "x", refused: oursText, always: true},
	} {
		for _, output := range []*template.Node{
			mode("OutputByApendingExt", map[string]any{"ext": ".o"}),
			mode("OutputByReplacingExt", map[string]any{"ext": ".o"}),
			mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"a": "a.txt"}}),
		} {
			tmpl := linesFile(t, output, lineOf(c.path, c.rel, c.name))
			for _, policy := range []Policy{{}, {OutputsOutside: true}} {
				w := walkWith(t, tmpl, policy)
				if w.err != nil || len(w.warnings) > 0 {
					t.Fatal(w.err, w.warnings)
				}
				refused := c.refused != "" && (c.always || !policy.OutputsOutside)
				got := strings.Join(w.refused, "|")
				if refused != (got != "") || !strings.Contains(got, c.refused) && refused || refused == (len(w.lines) == 1) ||
					w.counters.Refused.Load() != uint64(len(w.refused)) || w.counters.InShard.Load() != 1 {
					t.Errorf("%s %q %q, %+v: refused %q, to do %v", output.Mode, c.rel, c.name, policy, got, w.lines)
				}
			}
		}
	}
	if tmpl := linesFile(t, mode("OutputByFilenameSubfoldering", map[string]any{"file_to_write": map[string]any{"a": "a"}}), lineOf("p", "a", "..")); len(walkAll(t, tmpl).refused) != 1 {
		t.Error("the output folder itself is an output")
	}
}

// TestModesThatGoUpKeepTheirOutputs takes lines that a mode of kagurazaka 0.1.1 wrote of a listing that leaves its folder.
func TestModesThatGoUpKeepTheirOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "w/in/a.txt", "w/other/deep/b.txt")
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	output := mode("OutputByApendingExt", map[string]any{"ext": ".o"})
	for _, c := range []struct {
		in   string
		mode *template.Node
	}{
		{"w/in", mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)})},
		{"w/in/", mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)})},
		{filepath.Join(cwd, "w", "in"), mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)})},
		{".", mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)})},
		{"w/in", mode("InputByGlob", map[string]any{"glob_pattern": "../other/*/*.txt"})},
		{"w/in", mode("InputByGlob", map[string]any{"glob_pattern": "../*"})},
		{"w/in", mode("InputByGlob", map[string]any{"glob_pattern": filepath.Join(cwd, "w/other/deep/*")})},
	} {
		listed := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(c.in, "out"), template.RoleInput: c.mode}))
		if listed.err != nil || len(listed.lines) == 0 {
			t.Fatal(listed.err, listed.lines)
		}
		w := walkAll(t, linesFile(t, output, listed.lines...))
		if w.err != nil || len(w.refused) > 0 || len(w.lines) != len(listed.lines) {
			t.Errorf("%v of %s: %v, refused %v", c.mode.Plain(), c.in, w.err, w.refused)
		}
		if len(w.warnings) != 1 || !strings.HasPrefix(w.warnings[0].Message, count.Of(len(w.lines), "output lies outside", "outputs lie outside")) {
			t.Errorf("%v of %s: warnings %v", c.mode.Plain(), c.in, w.warnings)
		}
		direct := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders(c.in, "out"), template.RoleInput: c.mode, template.RoleOutput: output}))
		if direct.err != nil || len(direct.refused)+len(direct.warnings) > 0 || len(direct.lines) != len(listed.lines) {
			t.Errorf("%v of %s itself: %v, refused %v, warnings %v", c.mode.Plain(), c.in, direct.err, direct.refused, direct.warnings)
		}
	}
}

func TestOneOutputSpelledDifferently(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	output := mode("OutputByApendingExt", map[string]any{"ext": ".o"})
	first := lineOf("p", "a", "f")
	for _, second := range []string{
		lineOf("p", "./a", "f"), lineOf("p", "a/", "f"), lineOf("p", "a/b/..", "f"), lineOf("p", "a//", "f"), lineOf("p", ".", "a/f"),
		lineOf("p", "b", "../a/f"), lineOf("p", "../out/a", "f"), lineOf("p", filepath.Join(dir, "out/a"), "f"),
		lineOf("p", "x", filepath.Join(dir, "out/a/f")), lineOf("q", "a", "f"), strings.TrimSuffix(first, "}") + `,"x":1}`,
	} {
		w := walkWith(t, linesFile(t, output, first, lineOf("p", "a", "other"), second), Policy{OutputsOutside: true})
		if w.err == nil || !strings.Contains(w.err.Error(), "(line 1) and ") || !strings.Contains(w.err.Error(), "(line 3)") {
			t.Errorf("%s: %v", second, w.err)
		}
	}
	outside := []string{lineOf("p", "/x/a", "f"), lineOf("p", "/x/b/../a", "f")}
	if w := walkWith(t, linesFile(t, output, outside...), Policy{OutputsOutside: true}); w.err == nil {
		t.Error("two lines share an output outside")
	}
	w := walkAll(t, linesFile(t, output, first, lineOf("p", "a", "g"), "  "+first+"\t", first, lineOf("p", "A", "f")))
	if len(w.lines) != 3 || w.err != nil || w.counters.Repeated.Load() != 2 || w.counters.Listed.Load() != 3 {
		t.Errorf("repeated lines: %d, %v, %d repeated", len(w.lines), w.err, w.counters.Repeated.Load())
	}
	want := []string{"2 items repeat an earlier one, word for word, and are left out; the first: p (line 3)"}
	if diff := cmp.Diff(want, w.messages()); diff != "" || !w.warnings[0].Note {
		t.Error(diff)
	}
	bare := mustCompile(t, map[string]*template.Node{template.RoleInput: mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "m.jsonl"})})
	if w := walkAll(t, bare); w.err != nil || len(w.lines) != 5 {
		t.Errorf("without an output mode: %d lines, %v", len(w.lines), w.err)
	}
}

// TestRepeatedLinesKeepTheirNumbers: the other lines stay in the shards that kagurazaka 0.1.1 had them in.
func TestRepeatedLinesKeepTheirNumbers(t *testing.T) {
	t.Chdir(t.TempDir())
	lines := []string{lineOf("0", ".", "0"), lineOf("0", ".", "0"), lineOf("2", ".", "2"), lineOf("3", ".", "3")}
	if err := os.WriteFile("m.jsonl", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	for idx, want := range [][]string{{"0", "2"}, {"3"}} {
		w := walkAll(t, mustCompile(t, map[string]*template.Node{
			template.RoleHardShard: folders("in", "out"), template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".o"}),
			template.RoleInput: mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "m.jsonl"}), template.RoleSoftShard: softShard("SoftShard", 2, num(idx)),
		}))
		if diff := cmp.Diff(want, w.paths(t)); w.err != nil || diff != "" {
			t.Errorf("shard %d: %v\n%s", idx, w.err, diff)
		}
	}
}

// FuzzPlace compares the keys with what the library's cleaning makes of the whole path.
func FuzzPlace(f *testing.F) {
	for _, s := range [][2]string{{".", "a"}, {"a/../..", "b"}, {"/x/out", "../out/y"}, {"", ""}, {"../w/out", "c"}, {"a//b/.", "./c/.."}} {
		f.Add(s[0], s[1])
	}
	p := &placer{root: "/w/out/", followed: "/real/out/"}
	f.Fuzz(func(t *testing.T, rel, name string) {
		if strings.ContainsRune(rel+name, 0) {
			return
		}
		for _, o := range []*template.Output{{Kind: template.AppendingExt, Ext: ".o"}, {Kind: template.ReplacingExt, Ext: ".o"}, {Kind: template.Subfoldering}} {
			in := triplet{Path: "p", RelDir: rel, FileName: name}
			p.out = &outputs{Output: o, root: "/w/out"}
			key, at := p.find(in)
			path := filepath.Clean(p.out.of(in).Path)
			want, below := path, false
			for _, root := range []string{p.root, p.followed} {
				if after, ok := strings.CutPrefix(path, root); ok && after != "" && !below {
					want, below = after, true
				}
			}
			hidden := false
			for part := range strings.SplitSeq(want, "/") {
				hidden = hidden || part == template.StagingFolder || part == ".kagurazaka"
			}
			if key != want || (at == ours) != hidden || !hidden && (at == inside) != below {
				t.Errorf("%q %q: %q %d, want %q, below %v, hidden %v", rel, name, key, at, want, below, hidden)
			}
		}
	})
}
