package config

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// referenceCases is how many configurations are made up and read by both sides.
const referenceCases = 1500

type referenceCase struct {
	Cfg  string   `json:"cfg"`
	Dots []string `json:"dots"`
}

// What OmegaConf reads is read the same: configurations of kagurazaka 0.1.1 keep their meaning.
func TestAsOmegaConf(t *testing.T) {
	python := filepath.Join("..", "..", ".tools", "venv-original", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Skip("needs .tools/venv-original (task setup), with omegaconf")
	}
	g := generator{rand.New(rand.NewPCG(1, 2))}
	cases := []referenceCase{
		{"mixin: {a: [photo_?.jpg], b: {key: value?}, c: [x ?y, z?, '?', \"?\", ?x : 1]}\n", nil},
		{"mixin:\n  a: \"a\\/b\"\n  b: 'a\\/b'\n  c: a\\/b\n  d: \"a\\\\/b\"\n  e: |\n    a\\/b ?\n", nil},
		{"%YAML 1.1\n---\nmixin: {a: 1}\n", nil},
		{"%YAML 1.2\n---\nmixin: {a: 1}\n", nil},
		{"mixin: {}\n", []string{`a\.b=1`, `a\=b=1`, `x\\.y=1`, `p.q\[0\]=2`, `a\x=3`, `a\==1`}},
		{"mixin: {a: {1: x, 1.5: y, true: z, 007: w}, b: ${oc.create:{1: x}}, c: ${oc.dict.keys:mixin.a}}\n", nil},
		{"mixin: {a: .inf, b: .nan, c: '${oc.decode:\"+nan\"}', d: '${oc.decode:\"-inf\"}'}\n", nil},
		{"mixin: {a: '\\???', b: [\\???]}\n", []string{`c=\???`}},
		{"mixin: {a: '${list.1_0}', b: '${list.+1}', c: '${list[-1]}'}\nlist: [0,1,2,3,4,5,6,7,8,9,10]\n", nil},
		{"mixin: {a: '${oc.deprecated:mixin.b}', b: 4, c: '${oc.deprecated:mixin.b,gone}'}\n", nil},
		{"mixin: {a: !!binary aGVsbG8=, b: !!binary \"aGV\\n  sbG8=\"}\n", nil},
	}
	for range referenceCases {
		cases = append(cases, g.configuration())
	}
	var in bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, c := range cases {
		if err := encoder.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, filepath.Join("testdata", "reference.py"))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 1<<20)
	wrong, read := 0, 0
	for _, c := range cases {
		if !scanner.Scan() {
			t.Fatal("the reference gave fewer answers than there are questions")
		}
		var want any
		if err := json.Unmarshal(scanner.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if refused(want) {
			continue
		}
		read++
		got, problems := loadReference(t, c)
		if problem.Any(problems) || !cmp.Equal(want, got) {
			t.Errorf("%q %q (-want +got):\n%s%v", c.Cfg, c.Dots, cmp.Diff(want, got), problems)
			if wrong++; wrong == 10 {
				t.Fatal("and perhaps more")
			}
		}
	}
	if read < referenceCases/4 {
		t.Errorf("OmegaConf could read only %d of %d configurations: that tells little", read, len(cases))
	}
}

func refused(answer any) bool {
	m, ok := answer.(map[string]any)
	return ok && m["error"] != nil
}

func loadReference(t *testing.T, c referenceCase) (any, []problem.Problem) {
	t.Helper()
	cfg, problems := Load(Sources{CfgPath: writeFile(t, "cfg.yaml", c.Cfg), Mixins: c.Dots})
	return typed(cfg.Mixin), problems
}

// generator makes configurations up: of pieces that mean something to YAML or to OmegaConf, in all places.
type generator struct{ *rand.Rand }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) configuration() referenceCase {
	var b strings.Builder
	b.WriteString("mixin:\n")
	for i := range 1 + g.IntN(3) {
		fmt.Fprintf(&b, "  k%d: %s\n", i, g.value(2))
	}
	fmt.Fprintf(&b, "list: [1, two, {three: 3}]\nmap: {a: 1, b: x, 1: one}\ntext: plain\nother: %s\n", g.scalar())
	c := referenceCase{Cfg: b.String(), Dots: []string{}}
	keys := []string{"k9", `a\.b`, `q\=`, "d[x]", "d.e", "d.1"}
	for _, i := range g.Perm(len(keys))[:g.IntN(3)] {
		c.Dots = append(c.Dots, keys[i]+"="+g.value(1))
	}
	return c
}

func (g generator) value(depth int) string {
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return "[" + g.value(depth-1) + ", " + g.value(depth-1) + "]"
		case 1:
			return "{" + g.mapKey() + ": " + g.value(depth-1) + ", z: " + g.value(depth-1) + "}"
		case 2:
			return g.interpolation()
		}
	}
	return g.scalar()
}

func (g generator) mapKey() string {
	return g.one("x", "1", "1.5", "true", "no", "'q'", "a b", "x?y", "-", "~x", "0x1f", "1e3", "é")
}

func (g generator) scalar() string {
	switch g.IntN(4) {
	case 0:
		return g.one("yes", "No", "007", "08", "1_000", "1e3", "1.e3", ".5", "0x1F", "0b101", "1:30", "190:20:30.15", ".inf", "-.INF", ".nan", "~", "null",
			"2001-01-01", "+1", "-0", "1.", "0o7", "1__0", "_1", "1e-5", "1e16", "123456789012345678901234567890", "on", "OFF", "True", "tRue")
	case 1:
		return g.one(`"a\/b"`, `"\x41\u00e9\t"`, `'it''s'`, `"${text}"`, `'${map.a}'`, `"a # b"`, `'\${text}'`, `"\\${text}"`, `''`, `"?"`, `'a\/b'`, `!!str 1`,
			`!!float 1`, `!!int '3'`, `!!bool yes`, `!!null x`, `!!binary aGk=`, `'???'`, `\???`)
	}
	n := 1 + g.IntN(6)
	var b strings.Builder
	for range n {
		b.WriteString(g.one("a", "B", "1", "?", "*", "/", `\/`, ".", "_", "-", " ", ":", "#", "=", "é", "日", "~", "%", "x"))
	}
	return strings.TrimSpace(b.String())
}

func (g generator) interpolation() string {
	text := g.one("${text}", "${map.a}", "${map[b]}", "${list.0}", "${list[-1]}", "${list.1}", "${list.2.three}", "${map}", "${list}", "${other}", "x${text}y",
		"${text}${map.a}", "${oc.env:KAGURAZAKA_NOT_SET,1}", "${oc.env:KAGURAZAKA_NOT_SET,null}", "${oc.decode:'1_0'}", "${oc.decode:'[1, a]'}", "${oc.decode:+inf}",
		"${oc.create:{a: 1}}", "${oc.create:[1, x, null]}", "${oc.create:{1: x, false: y, b: 1.5}}", "${oc.select:nothing,4}", "${oc.select:text}", "${oc.select:map.a,1}",
		"${oc.dict.keys:map}", "${oc.dict.values:map}", "${map.${map.b}}", "${list.${map.a}}", "${oc.deprecated:text}", "${oc.deprecated:text,'no $OLD_KEY'}",
		"${oc.decode:'{a: 1, b: [x]}'}", "${oc.create:{a: ${text}}}", "${oc.create:[a b, 'c,d', e\\,f]}", "${ text }", "${oc.env: KAGURAZAKA_NOT_SET , a b }")
	return `"` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`) + `"`
}
