package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadLines loads and returns the problems, with folders cut off. It leaves out the warning about keys that are not sections.
func loadLines(t *testing.T, s Sources) (*Config, []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		if text == "" {
			return ""
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s.CfgPath, s.MixinCfgPath = write("cfg.yaml", s.CfgPath), write("mixin.yaml", s.MixinCfgPath)
	cfg, problems := Load(s)
	var all []string
	for _, line := range lines(problems) {
		if !strings.Contains(line, "not section") && !strings.HasPrefix(line, "warning: ") {
			all = append(all, strings.ReplaceAll(line, dir+"/", ""))
		}
	}
	return cfg, all
}

// TestProblemsOfFiles: each with its place, and all at once.
func TestProblemsOfFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Sources
		want []string
	}{
		{"syntax", Sources{CfgPath: "a: 1\nb: [1, 2\nc: 3\n"}, []string{"cfg.yaml:2: this is not YAML: did not find expected ',' or ']'"}},
		{"interpolation in braces", Sources{CfgPath: "a: {b: ${.c}, c: 1}\n"}, []string{"cfg.yaml:1: this is not YAML: did not find expected ',' or '}' " +
			`(within [ ] and { }, a value with ${ } needs quotes: "${.c}")`}},
		{"interpolation in brackets", Sources{Mixins: []string{"a=[x-${b}, 2]"}}, []string{`--mixin 'a=[x-${b}, 2]': this is not YAML: ` +
			`did not find expected ',' or ']' (within [ ] and { }, a value with ${ } needs quotes: "x-${b}")`}},
		{"brackets with quotes", Sources{CfgPath: "a: [\"${b}\", 2\nc: 1\n"}, []string{"cfg.yaml:2: this is not YAML: did not find expected ',' or ']'"}},
		{"near sections", Sources{CfgPath: "other: 1\ntaks:\n  a: 1\nMixin: {}\n"}, []string{
			"cfg.yaml:2: taks: this is not a section, and nothing refers to it (did you mean task? A section of your own needs another name)",
			"cfg.yaml:4: Mixin: this is not a section, and nothing refers to it (did you mean mixin? A section of your own needs another name)"}},
		{"near sections that are used", Sources{CfgPath: "tasks: {a: 1}\nbackbones: &x {n: 2}\nbackbone: *x\nmixins: [3]\ntask: {b: \"${tasks.a}\"}\n", Mixins: []string{"c=${mixins[0]}"}}, nil},
		{"tab", Sources{CfgPath: "a:\n\tb: 1\n"}, []string{"cfg.yaml:2: this is not YAML: found character that cannot start any token " +
			"(indent with spaces, not with tabs)"}},
		{"alias", Sources{CfgPath: "a: 1\nb: *.jpg\nc: 1\n"}, []string{"cfg.yaml:2: this is not YAML: did not find expected alphabetic or numeric character " +
			"(put a value that begins with a special character into quotes)"}},
		{"anchor", Sources{CfgPath: "a: 1\nb: *x\n"}, []string{"cfg.yaml:2: this is not YAML: there is no anchor &x before the alias *x " +
			"(put a value that begins with a special character into quotes)"}},
		{"encoding", Sources{CfgPath: "a: 1\nb: \xff\n"}, []string{"cfg.yaml:2: this is not YAML: invalid leading UTF-8 octet (save the file as UTF-8)"}},
		{"control", Sources{CfgPath: "a: 1\n\nb: \x01\n"}, []string{"cfg.yaml:3: this is not YAML: control characters are not allowed"}},
		{"colon", Sources{CfgPath: "a: b: c\n"}, []string{`cfg.yaml:1: this is not YAML: mapping values are not allowed in this context ` +
			`(put a value that holds ": " into quotes, or check the indentation)`}},
		{"both files and a flag", Sources{CfgPath: "a: ]\n", MixinCfgPath: "a: }\n", Mixins: []string{"a=[1", "b", "c.=2"}}, []string{
			"cfg.yaml:1: this is not YAML: did not find expected node content",
			"mixin.yaml:1: this is not YAML: did not find expected node content",
			`--mixin 'a=[1': this is not YAML: did not find expected ',' or ']' (text with special characters needs quotes: 'a="[1"')`,
			"--mixin b: must be KEY=VALUE (write b=VALUE, or put it before --mixin if it is not part of the mixin)",
			`--mixin c.=2: the path "c." has an empty name in it (a path is written a.b.c; elements of a list are a.0 or a[0])`,
		}},
		{"dotlists with keys of any form", Sources{Mixins: []string{"2=b", "a/b=5", "a. c=5", "=5", "a..b=5", "d.[q]=5"}}, []string{
			`--mixin =5: the path "" has an empty name in it (a path is written a.b.c; elements of a list are a.0 or a[0])`,
			`--mixin a..b=5: the path "a..b" has an empty name in it (a path is written a.b.c; elements of a list are a.0 or a[0])`,
			`--mixin 'd.[q]=5': the path "d.[q]" has an empty name in it (a path is written a.b.c; elements of a list are a.0 or a[0])`,
		}},
		{"duplicate", Sources{CfgPath: "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n"}, []string{
			"cfg.yaml:5:3: b.c: duplicate key: c is given in line 3 and again in line 5 (keep one of them)"}},
		{"documents", Sources{CfgPath: "a: 1\n---\nb: 1\n"}, []string{
			"cfg.yaml:2:1: a second document begins here: a configuration is one document (remove the --- line)"}},
		{"no map", Sources{CfgPath: "- a\n"}, []string{"cfg.yaml:1:1: a configuration must be a map (KEY: VALUE), not a list"}},
		{"sections", Sources{CfgPath: "task: 1\nbackbone: [a]\nmixin: text\n"}, []string{
			"cfg.yaml:3:8: mixin: must be a map of template fields, not a text",
			"cfg.yaml:1:7: task: must be a map of arguments, not a number",
			"cfg.yaml:2:11: backbone: must be a map of arguments, not a list"}},
		{"anchor in itself", Sources{CfgPath: "a: &x {b: *x}\n"}, []string{"cfg.yaml:1:11: a.b: the anchor x contains itself"}},
		{"tag", Sources{CfgPath: "a: !foo x\nb: !!int y\n"}, []string{
			"cfg.yaml:1:4: a: the tag !foo means nothing here (put a text that begins with ! into quotes)",
			`cfg.yaml:2:4: b: "y" is not what its tag !!int says`}},
		{"keys", Sources{CfgPath: "null: 1\n[a]: 2\n<<: 3\n"}, []string{
			"cfg.yaml:1:1: null cannot be a key (put the key into quotes)",
			"cfg.yaml:2:1: a list or map cannot be a key (put braces that are text into quotes)",
			"cfg.yaml:3:5: << needs a map or a list of maps, not a number"}},
		{"cycle", Sources{CfgPath: "a: ${b}\nb: x${c}\nc: ${a}\nd: ${b}\n"}, []string{
			"cfg.yaml:1:4: a: interpolations form a cycle: a (cfg.yaml:1:4) → b (cfg.yaml:2:4) → c (cfg.yaml:3:4) → a (replace one of them by a value)"}},
		{"within itself", Sources{CfgPath: "a: {b: '${a}'}\n"}, []string{"cfg.yaml:1:8: a.b: ${a} stands for a, which contains it (refer to a part of it)"}},
		{"all at once", Sources{CfgPath: "photos: /p\ntask: {a: '${potos}', b: '${oc.env:KGT_UNSET}', c: '${photos.x}'}\nmixin: {l: [1], x: '${mixin.l.3}', y: '${.z}'}\n",
			Mixins: []string{"z=${env:HOME}", "q=${oc.en:HOME}", "r=${a", "s=${...b}"}}, []string{
			"cfg.yaml:3:20: mixin.x: ${mixin.l.3}: 3 is not an element of a list of 1 in mixin.l",
			"--mixin 'z=${env:HOME}': mixin.z: ${env:HOME}: unknown resolver env (did you mean oc.env?)",
			"--mixin 'q=${oc.en:HOME}': mixin.q: ${oc.en:HOME}: unknown resolver oc.en (did you mean oc.env?)",
			`--mixin 'r=${a': mixin.r: an interpolation that begins with ${ has no } in "${a" (a ${ that is text is written \${)`,
			"--mixin 's=${...b}': mixin.s: ${...b} leads above the root (one dot is the map that holds the value, each further dot one level up)",
			"cfg.yaml:2:11: task.a: ${potos}: there is no potos at the root (did you mean photos?)",
			"cfg.yaml:2:26: task.b: ${oc.env:KGT_UNSET}: the environment variable KGT_UNSET is not set (set it, or give a default: ${oc.env:KGT_UNSET,DEFAULT})",
			"cfg.yaml:2:52: task.c: ${photos.x}: photos is a text, so there is no x in it"}},
		{"yet to be given", Sources{CfgPath: "a: ???\ntask: {b: '${a}'}\n"}, []string{
			"cfg.yaml:2:11: task.b: ${a} refers to a value that is yet to be given (???) at cfg.yaml:1:4 (give a a value)"}},
		{"no cfg", Sources{Mixins: []string{"a=${CONFIG_DIR}"}}, []string{"--mixin 'a=${CONFIG_DIR}': CONFIG_DIR needs the file of --cfg or a kagurazaka.yaml, and there is none"}},
		{"overridden", Sources{CfgPath: "mixin: {a: '${oc.env:KGT_UNSET}'}\n", Mixins: []string{"a=1"}}, nil},
		{"element", Sources{CfgPath: "mixin: {a: [1]}\n", Mixins: []string{"a.1=2", "a.x=2"}}, []string{
			"--mixin a.1=2: 1 is not an element of a list of 1 (cfg.yaml:1:12) (elements count from 0; to make the list longer, give all of it: [a, b, c])",
			"--mixin a.x=2: x is not an element of a list of 1 (cfg.yaml:1:12) (elements count from 0; to make the list longer, give all of it: [a, b, c])"}},
	} {
		_, got := loadLines(t, c.s)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestKeysThatAreNotSections: those that nothing refers to are one warning.
func TestKeysThatAreNotSections(t *testing.T) {
	const hint = "the sections are task, backbone, mixin"
	for cfg, want := range map[string]string{
		"paths: {a: /x}\nmixin: {b: '${paths.a}'}\n":                               "",
		"paths: {a: /x}\nmixin: {b: '${oc.select:paths.a}'}\n":                     "",
		"paths: {a: /x}\nmixin: {b: '${${which}.a}'}\nwhich: paths\n":              "",
		"shared: {deep: &d [1]}\nmixin: {b: *d}\n":                                 "",
		"mixin: {b: 1}\npaths: {a: /x}\n":                                          "cfg.yaml:2: paths: this is not a section, and nothing refers to it (" + hint + ")",
		"a1: 1\na2: 1\ntask: {}\na3: '${a2}'\na4: 1\na5: 1\na6: 1\na7: 1\na8: 1\n": "cfg.yaml:1: a1, a3, a4, a5, a6 and 2 more: these are not sections, and nothing refers to them (" + hint + ")",
		"my_task: {a: 1}\n": "cfg.yaml:1: my_task: this is not a section, and nothing refers to it (did you mean task?)",
	} {
		path := writeFile(t, "cfg.yaml", cfg)
		_, problems := Load(Sources{CfgPath: path})
		got := strings.ReplaceAll(strings.Join(lines(problems), "\n"), filepath.Dir(path)+"/", "")
		if want != "" {
			want = "warning: " + want
		}
		if got != want {
			t.Errorf("%s: %q, want %q", cfg, got, want)
		}
	}
	_, problems := Load(Sources{CfgPath: writeFile(t, "cfg.yaml", "paths: {a: /x}\n"), Mixins: []string{"b=${paths.a}"}})
	if len(problems) > 0 {
		t.Errorf("used by --mixin alone: %v", problems)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	_, problems := Load(Sources{CfgPath: filepath.Join(dir, "no.yaml"), MixinCfgPath: dir})
	got := lines(problems)
	want := []string{"--cfg " + dir + "/no.yaml: no such file",
		"--mixin-cfg " + dir + ": is a directory"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What never ends is not read for ever.
func TestEndlessFile(t *testing.T) {
	_, problems := Load(Sources{CfgPath: "/dev/zero"})
	want := []string{"--cfg /dev/zero: it is longer than 64 MiB"}
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBombsAreRefused(t *testing.T) {
	var yaml, inter strings.Builder
	yaml.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	inter.WriteString("a0: [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 8 {
		n, m := string(rune('0'+i)), string(rune('1'+i))
		yaml.WriteString("a" + m + ": &a" + m + " [" + strings.Repeat("*a"+n+",", 10) + "]\n")
		inter.WriteString("a" + m + ": [" + strings.Repeat("'${a"+n+"}',", 10) + "]\n")
	}
	for _, text := range []string{yaml.String(), inter.String()} {
		_, problems := loadLines(t, Sources{CfgPath: text})
		if len(problems) == 0 || !strings.Contains(problems[0], "larger than 1000000 values") || len(problems) > 3 {
			t.Errorf("%d problems: %.300v", len(problems), problems)
		}
	}
}

// TestPriority: --mixin over --mixin-cfg over mixin: of --cfg, and who gave it stays known.
func TestPriority(t *testing.T) {
	cfg, problems := loadLines(t, Sources{
		CfgPath:      "mixin: {a: {x: 1, y: 1, z: 1}, l: [1, 2, 3], k: 1}\n",
		MixinCfgPath: "a: {y: 2, z: 2}\nl: [4]\n",
		Mixins:       []string{"a.z=3", "l.0=5", "a.w=1", "a.w=2"},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got, want := cfg.Mixin.JSON(), `{"a": {"x": 1, "y": 2, "z": 3, "w": 2}, "l": [5], "k": 1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for path, want := range map[string]string{"x": "cfg.yaml:1:16", "y": "mixin.yaml:1:8", "z": "--mixin a.z=3"} {
		if got := cfg.Mixin.Get("a").Get(path).Source; !strings.HasSuffix(got, want) {
			t.Errorf("a.%s comes from %s, want %s", path, got, want)
		}
	}
}

func TestInjectedPaths(t *testing.T) {
	cfg, problems := loadLines(t, Sources{ScriptPath: "/plugins/task.py", MixinCfgPath: "s: ${SCRIPT_PATH}\n", Mixins: []string{"d=${SCRIPT_DIR}/x", "c=${CONFIG_DIR}", "p=${CONFIG_PATH}"},
		CfgPath: "CONFIG_DIR: mine\n"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	dir := cfg.Mixin.Get("c").Text()
	if !filepath.IsAbs(dir) || cfg.Mixin.Get("p").Text() != filepath.Join(dir, "cfg.yaml") ||
		cfg.Mixin.Get("s").Text() != "/plugins/task.py" || cfg.Mixin.Get("d").Text() != "/plugins/x" {
		t.Errorf("got %s", cfg.Mixin.JSON())
	}
	cfg, problems = loadLines(t, Sources{ScriptPath: "/plugins/task.py", Mixins: []string{"s=${SCRIPT_DIR}", "CONFIG_DIR=own", "c=${CONFIG_DIR}"}})
	if got := cfg.Mixin.JSON(); len(problems) > 0 || got != `{"s": "/plugins", "CONFIG_DIR": "own", "c": "own"}` {
		t.Errorf("without --cfg: %s, %v", got, problems)
	}
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	cfg, problems := loadLines(t, Sources{Mixins: []string{"a=/data/\xff: [x"}})
	if len(problems) > 0 || cfg.Mixin.Get("a").Text() != "/data/\xff: [x" {
		t.Errorf("got %q, %v", cfg.Mixin.Get("a").Text(), problems)
	}
	if got, want := cfg.Mixin.JSON(), `{"a": "/data/\udcff: [x"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Every key of a large file is looked at once: the time grows with the file, not with its square.
func TestManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString("mixin:\n")
	for i := range 50_000 {
		fmt.Fprintf(&b, "  unknown_%d: ${other_%d}\n", i, i)
	}
	cfg, problems := Load(Sources{CfgPath: writeFile(t, "cfg.yaml", b.String())})
	if len(problems) != 50_000 || len(cfg.Mixin.Entries) != 50_000 {
		t.Errorf("%d problems, %d entries", len(problems), len(cfg.Mixin.Entries))
	}
	if _, found := Apply(tmpl(), cfg.Mixin, false); len(found) != 50_000 {
		t.Errorf("%d unknown fields", len(found))
	}
}

// Texts that refer to texts grow by powers: that ends with an error, not with the memory.
func TestTextsOfTexts(t *testing.T) {
	var b strings.Builder
	b.WriteString("t0: xxxxxxxxxxxxxxxx\n")
	for i := range 15 {
		fmt.Fprintf(&b, "t%d: ${t%d}${t%d}${t%d}${t%d}\n", i+1, i, i, i, i)
	}
	_, problems := Load(Sources{CfgPath: writeFile(t, "cfg.yaml", b.String())})
	if len(problems) == 0 || !strings.Contains(lines(problems)[len(problems)-1], "longer than 16 MiB") {
		t.Errorf("%v", problems)
	}
}
