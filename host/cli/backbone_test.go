package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/hosttest"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// inProcess is a backbone without workers: it is done with every item that it sees.
type inProcess struct {
	shift  string
	blocks []backbones.Block
}

func (b *inProcess) Run(ctx context.Context, source backbones.Source, sink backbones.Sink) error {
	for {
		block, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.blocks = append(b.blocks, block)
		if err := sink(backbones.Outcomes{Done: []backbones.Span{{First: block.First, Count: block.Count}}}); err != nil {
			return err
		}
	}
}

func (b *inProcess) Status() backbones.Status { return backbones.Status{} }

// register adds a backbone of the test's own, called here. It returns what the last run made.
func register(t *testing.T, accepts ...backbones.Encoding) func() *inProcess {
	var last *inProcess
	t.Cleanup(job.Register(&job.Factory{
		Name: "here", Summary: "The here backbone: items in this process.", Tasks: "tests", Accepts: accepts,
		Flags: func() []job.Flag {
			return []job.Flag{{Argument: schema.Argument{Name: "shift_by", Flags: []string{"--shift_by"}, Help: "How far"}, Most: 9, Want: "a number from 1 to 9"}}
		},
		Fits: func(*schema.Task) error { return nil },
		New: func(_ context.Context, spec *job.Spec, _ backbones.Policy, _ job.Local) (backbones.Backbone, error) {
			last = &inProcess{shift: spec.Flags["shift_by"]}
			return last, nil
		},
	}))
	return func() *inProcess { return last }
}

func command(t *testing.T, words ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(t.Context(), words, Streams{Out: &stdout, Err: &stderr}, nil, "test")
	return code, stdout.String(), stderr.String()
}

// Another backbone is a Factory and nothing else: the command line knows its name, its help and its flags from it.
func TestBackboneThatIsRegistered(t *testing.T) {
	ran := register(t, backbones.JSONLines, backbones.Opaque)
	noop := filepath.Join(t.TempDir(), "noop")
	if out, err := exec.Command("go", "build", "-o", noop, "../../examples/noop").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, variable := range []string{"XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(variable, t.TempDir())
	}
	for _, c := range []struct {
		words string
		code  int
		want  string
	}{
		{"-hk", 0, "auto,mp,cuda,torch_vanilla_single,here"},
		{"-hb --backbone here", 0, "--shift_by"},
		{"__complete -- --backbone h", 0, "here"},
		{"--backbone there " + noop + " Noop", exitcode.Usage, "--backbone there: must be one of auto, mp, cuda, torch_vanilla_single, here;"},
		{"--backbone here --shift_by 10 " + noop + " Noop", exitcode.Usage, "--shift_by 10: must be a number from 1 to 9"},
		{noop + " Noop --shift_by 3", exitcode.Usage, "it is a flag for tests; leave it out for Noop"},
		{"--backbone here --shift_by 3 " + noop + " Noop --count 7", 0, "done 7, skipped 0, failed 0"},
	} {
		code, out, errs := command(t, strings.Fields(c.words)...)
		if code != c.code || !strings.Contains(strings.Join(strings.Fields(out+errs), " "), c.want) {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s%s", c.words, code, c.code, c.want, out, errs)
		}
	}
	b := ran()
	if b == nil || b.shift != "3" {
		t.Fatalf("the flag did not come through: %+v", b)
	}
	var items []string
	for _, block := range b.blocks {
		items = append(items, strings.Split(string(block.Payload), "\n")...)
	}
	for i := range 7 {
		if !slices.ContainsFunc(items, func(item string) bool { return strings.HasPrefix(item, `{"i":`+strconv.Itoa(i)+",") }) {
			t.Errorf("item %d is not among %q", i, items)
		}
	}
}

const listOfTwo = `
from kagurazaka import KagurazakaTask

class Two(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(2)]

    def process(self, i):
        pass
`

// An index is of use to workers that share the list alone, so a backbone without such workers gets none.
func TestIndexesAreForBackbonesThatAcceptThem(t *testing.T) {
	python := hosttest.NeedPython(t, "../..")
	for _, variable := range []string{"XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(variable, t.TempDir())
	}
	file := filepath.Join(t.TempDir(), "two.py")
	if err := os.WriteFile(file, []byte(listOfTwo), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		accepts []backbones.Encoding
		indexed bool
	}{{[]backbones.Encoding{backbones.JSONLines, backbones.Opaque}, false}, {[]backbones.Encoding{backbones.Indexed}, true}} {
		t.Run(fmt.Sprint(c.indexed), func(t *testing.T) {
			ran := register(t, c.accepts...)
			code, out, errs := command(t, "--backbone", "here", "--python", python, file, "Two")
			if code != 0 || !strings.Contains(out, "done 2,") {
				t.Fatalf("exit code %d\n%s%s", code, out, errs)
			}
			for _, block := range ran().blocks {
				if block.Count > 0 && (block.Encoding == backbones.Indexed) != c.indexed {
					t.Errorf("a block is of encoding %d", block.Encoding)
				}
			}
		})
	}
}
