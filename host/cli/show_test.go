package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// keepRun makes the ledger of a run with all that one can have.
func keepRun(t *testing.T, dir string) {
	t.Helper()
	l, err := ledger.Create(dir, ledger.Info{
		ID: filepath.Base(dir), Task: "Resize", Args: []string{"--size", "256"}, Command: "kagurazaka ./resize Resize --size 256", Folder: "/work",
		Plugin: ledger.Plugin{Name: "resize", Path: "/plugins/resize"}, Host: "here", PID: 7, Build: ledger.Build{Version: "test"}, Began: time.Unix(1000, 0).UTC(),
	}, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(40) {
		o := backbones.Outcomes{Done: []backbones.Span{{First: 2 * n, Count: 1}}}
		if n%10 == 0 {
			o.Failed = []backbones.FailedItem{{
				Number: 2*n + 1, Item: fmt.Sprintf(`{"i": %d}`, n),
				Failure: backbones.Failure{Kind: backbones.KindError, Message: "no größer\nthan that", Traceback: "somewhere", Attempts: 1},
			}}
		}
		l.Record(o)
	}
	if err := l.Close(ledger.End{Time: time.Unix(2000, 0), Exit: 3, Counts: ledger.Counts{Done: 40, Failed: 4}, Message: "4 of 44 items failed"}); err != nil {
		t.Fatal(err)
	}
}

func shown(t *testing.T, words ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(context.Background(), append([]string{"show"}, words...), Streams{Out: &stdout, Err: &stderr}, nil, "test")
	return code, stdout.String(), stderr.String()
}

// shownAtOnce is shown for one run, without reading a command line.
func shownAtOnce(dir string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	a := &app{streams: Streams{Out: &stdout}, out: terminal.NewOutput(&stdout), log: hclog.New(&hclog.LoggerOptions{Output: &stderr})}
	err := a.showRun(dir)
	return exitcode.Of(err), stdout.String(), stderr.String()
}

// Whatever of a run's files was written when the disk ran full or the machine went down, show says what there is.
func TestShowReadsEveryPrefix(t *testing.T) {
	root := t.TempDir()
	t.Setenv("XDG_STATE_HOME", root)
	const id = "20260101-000000000-abcdef"
	dir := filepath.Join(root, "kagurazaka", "runs", id)
	keepRun(t, dir)
	files := map[string][]byte{}
	for _, name := range []string{"run.json", "outcomes", "failed.jsonl"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	if code, out, errs := shown(t, dir); code != 0 || errs != "" || !strings.Contains(out, "done 40, skipped 0, failed 4") {
		t.Fatalf("the whole run: %d\n%s%s", code, out, errs)
	}
	for name, whole := range files {
		for length := range whole {
			if err := os.WriteFile(filepath.Join(dir, name), whole[:length], 0o600); err != nil {
				t.Fatal(err)
			}
			// The grammar of all commands takes longer to build than a run to show: a whole command line is for some lengths alone.
			all := [][]string{{}, {dir}, {"last"}, {id}, {"2026"}, {"--json", dir}}
			if length%16 != 0 {
				all = all[:1]
			}
			for _, words := range all {
				show := shownAtOnce
				if len(words) > 0 {
					show = func(string) (int, string, string) { return shown(t, words...) }
				}
				code, out, errs := show(dir)
				if code != 0 || !strings.Contains(out, id) {
					t.Fatalf("%s cut at %d, show %s: %d\n%s%s", name, length, words, code, out, errs)
				}
				if slices.Contains(words, "--json") && !json.Valid([]byte(out)) {
					t.Fatalf("%s cut at %d: no JSON: %s", name, length, out)
				}
				// What was cut is said, where it says something.
				if name == "run.json" && length < len(whole)-2 && !strings.Contains(errs, "not all of the run can be read") {
					t.Fatalf("%s cut at %d: %s%s", name, length, out, errs)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "failed.jsonl"), files["failed.jsonl"][:len(files["failed.jsonl"])-1-2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := shown(t, dir); !strings.Contains(out, "failed.jsonl lacks 1 more failed item\n") {
		t.Errorf("a failed item is lost without a word:\n%s", out)
	}
}

// The figures of nodes are written now and then, items as they get their outcomes: show says of when the former are, until the run has ended.
func TestShowSaysOfWhenNodesAre(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	l, err := ledger.Create(dir, ledger.Info{ID: "run", Task: "Resize", Began: time.Unix(1000, 0).UTC()}, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if err := l.SetNodes([]ledger.Node{{Name: "desk", Done: 5, Workers: 2}}); err != nil {
		t.Fatal(err)
	}
	_, out, errs := shownAtOnce(dir)
	want := map[string]bool{}
	for at := before; !at.After(time.Now().Add(time.Second)); at = at.Add(time.Second) {
		want["as of "+at.Local().Format(time.TimeOnly)+"; items as of now"] = true
	}
	if !slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool { return want[strings.TrimSpace(line)] }) {
		t.Errorf("%s\n%s\nhas none of %v", out, errs, want)
	}
	if err := l.Close(ledger.End{Time: time.Unix(2000, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := shownAtOnce(dir); strings.Contains(out, "as of") || !strings.Contains(out, "desk: done 5") {
		t.Errorf("after the end: %s", out)
	}
}
