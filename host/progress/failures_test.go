package progress

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func valueError(path, message string) Failure {
	return Failure{
		Item: fmt.Sprintf(`{"input":{"path":%q}}`, path), Path: path, Kind: "error", ErrorType: "ValueError", Message: "ValueError: " + message,
		Traceback: "Traceback (most recent call last):\n  File \"t.py\", line 5, in process\n    raise ValueError()\nValueError: " + message + "\n",
	}
}

func TestFailuresAsLines(t *testing.T) {
	for _, tt := range []struct {
		f    Failure
		want string
	}{
		{valueError("texts/a.txt", "cannot read it"), "texts/a.txt: ValueError: cannot read it"},
		{Failure{Path: "a.txt", Kind: "timeout", Message: "took longer than --item-timeout 5s"}, "a.txt: timeout: took longer than --item-timeout 5s"},
		{Failure{Path: "a.txt", Kind: "crash", Message: "the worker was killed by signal 9 (killed)\nand said:\n  x"}, "a.txt: crash: the worker was killed by signal 9 (killed)"},
		{Failure{Path: "a.txt", Kind: "panic", Message: "panic: no"}, "a.txt: panic: no"},
		{Failure{Path: "a.txt", Kind: "panic", Message: "SystemExit: 3"}, "a.txt: panic: SystemExit: 3"},
		{Failure{Path: "a.txt", Kind: "error", ErrorType: "*fs.PathError", Message: "open x: no such file"}, "a.txt: fs.PathError: open x: no such file"},
		{Failure{Path: "a.txt", Kind: "error", ErrorType: "error", Message: "too short"}, "a.txt: error: too short"},
		{Failure{Path: "a.txt", Kind: "error", ErrorType: "KeyError", Message: "KeyError"}, "a.txt: KeyError"},
		{Failure{Path: "a.txt", Kind: "error", ErrorType: "tasks.Bad", Message: "Bad: x"}, "a.txt: tasks.Bad: x"},
		// Python shows where the error is before it says which one it is.
		{Failure{Path: "a.txt", Kind: "error", ErrorType: "SyntaxError", Message: "  File \"x\", line 1\n    f(\n     ^\nSyntaxError: '(' was never closed"}, "a.txt: SyntaxError: '(' was never closed"},
		{Failure{Item: `{"i": 7}`, Kind: "error", Message: "no"}, `{"i": 7}: error: no`},
		{Failure{Item: `{"prompt": "` + strings.Repeat("long ", 40) + `"}`, Key: "0123456789abcdef", Kind: "error", Message: "no"}, `item 0123456789abcdef ({"prompt": "` + strings.Repeat("long ", 9) + `lon…): error: no`},
		{Failure{Kind: "lost", Message: "no"}, "item without a printable form: lost: no"},
		{Failure{Item: "two\nlines", Kind: "error", Message: "a\tb"}, `two\nlines: error: a\tb`},
	} {
		if got := tt.f.Name() + ": " + tt.f.Line(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// After ten failures of a kind one line counts the others: at a tick, and again when they have doubled and some time has passed.
func TestFailuresBeyondTen(t *testing.T) {
	var out, errs bytes.Buffer
	report(t, &Text{Out: &out, Err: &errs}, func(r *Reporter, c *fakeClock) {
		fail := func(from, to int) {
			for i := from; i < to; i++ {
				r.Counters.Failed.Add(1)
				r.Failed(valueError(fmt.Sprintf("in/f%d.txt", i), fmt.Sprintf("line %d of 'in/f%d.txt' is bad", i, i)))
			}
		}
		tick := func(seconds int) {
			c.now = c.now.Add(time.Duration(seconds) * time.Second)
			s := r.snapshot()
			r.printer.More(&r.failures.groups, s.Seconds)
		}
		r.Counters.Done.Add(1)
		fail(0, 10)
		tick(1)
		fail(10, 12)
		tick(1)
		fail(12, 30)
		tick(1)
		tick(10)
		fail(30, 31)
		tick(60)
		fail(31, 1250)
		r.Counters.Failed.Add(1)
		r.Failed(Failure{Path: "in/slow.txt", Kind: "timeout", Message: "took longer than --item-timeout 5s"})
	})
	var want strings.Builder
	traceback := func(indent string) {
		for _, line := range []string{
			"Traceback (most recent call last):", `  File "t.py", line 5, in process`, "    raise ValueError()", "ValueError: line 0 of 'in/f0.txt' is bad",
		} {
			want.WriteString(indent + line + "\n")
		}
	}
	for i := range 10 {
		fmt.Fprintf(&want, "in/f%d.txt: ValueError: line %d of 'in/f%d.txt' is bad\n", i, i, i)
		if i == 0 {
			traceback("    ")
		}
	}
	want.WriteString("ValueError: line … of … is bad: 2 more, listed in failed.jsonl\n")
	want.WriteString("ValueError: line … of … is bad: 20 more, listed in failed.jsonl\n")
	want.WriteString("in/slow.txt: timeout: took longer than --item-timeout 5s\n")
	want.WriteString("1,251 items failed in 2 ways:\n")
	want.WriteString("  1,250  ValueError: line … of … is bad\n         for example in/f0.txt: ValueError: line 0 of 'in/f0.txt' is bad\n")
	traceback("             ")
	want.WriteString("      1  timeout: took longer than --item-timeout 5s\n         in/slow.txt\n")
	if got := errs.String(); got != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}
}

// Memory does not grow with the number of kinds.
func TestGroupsAreBounded(t *testing.T) {
	var g Groups
	word := func(i int) string { return strings.Repeat("x", i+1) }
	for i := range 3 * MaxGroups {
		g.Add(Failure{Kind: "error", ErrorType: "ValueError", Message: word(i)})
	}
	for i := range 3 * MaxGroups {
		g.Add(Failure{Kind: "error", ErrorType: word(i), Message: "same"})
	}
	sorted := g.Sorted()
	if len(sorted) != 2*MaxGroups+1 {
		t.Fatalf("%d groups", len(sorted))
	}
	sum := int64(0)
	for _, one := range sorted {
		sum += one.Count
	}
	if sum != 6*MaxGroups || g.Total() != sum {
		t.Errorf("the groups count %d of %d items, and say %d", sum, 6*MaxGroups, g.Total())
	}
	for i, want := range []string{"other failures", "ValueError: other messages"} {
		if got := sorted[i].Title(); got != want {
			t.Errorf("group %d is %q, want %q", i, got, want)
		}
	}
}

func TestShortTraceback(t *testing.T) {
	python := "Traceback (most recent call last):\n" + strings.Repeat("  File \"t.py\", line 5, in f\n    f()\n", 30) + "ValueError: deep"
	got := shortened(python)
	if n := strings.Count(got, "\n") + 1; n != shortTraceback || !strings.HasSuffix(got, "ValueError: deep") || !strings.HasPrefix(got, "Traceback") || !strings.Contains(got, "lines left out: -v shows all") {
		t.Errorf("%d lines:\n%s", n, got)
	}
	golang := "goroutine 7 [running]:\nruntime/debug.Stack()\n\t/go/stack.go:26\nsdk.newPanicked()\n\t/sdk/errors.go:90\npanic({0x1, 0x2})\n\t/go/panic.go:7\nmain.Task.Process()\n\t/task/main.go:12\n" +
		strings.Repeat("sdk.run()\n\t/sdk/run.go:5\n", 20)
	got = shortened(golang)
	if n := strings.Count(got, "\n") + 1; n != shortTraceback || !strings.HasPrefix(got, "main.Task.Process()\n\t/task/main.go:12\n") || strings.Contains(got, "goroutine") {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

func TestAllFailAlike(t *testing.T) {
	const want = "the first 100 items have all failed in the same way: ValueError: line … is bad; hint: write this\n"
	for _, tt := range []struct {
		name   string
		before func(r *Reporter)
		times  int
	}{
		{"all", func(*Reporter) {}, 1},
		{"one is done", func(r *Reporter) { r.Counters.Done.Add(1) }, 0},
		{"one was skipped", func(r *Reporter) { r.Counters.Skipped.Add(1) }, 0},
		{"one failed otherwise", func(r *Reporter) { r.Failed(valueError("a", "other")) }, 0},
	} {
		var out, errs bytes.Buffer
		r := Start(&Text{Out: &out, Err: &errs}, Sources{Fill: func(*Snapshot) {}, AlikeHint: "write this"})
		tt.before(r)
		for i := range 300 {
			r.Failed(valueError("in/a.txt", fmt.Sprintf("line %d is bad", i)))
		}
		r.Finish(0, 0, false)
		if n := strings.Count(errs.String(), "warning: "+want); n != tt.times {
			t.Errorf("%s: it is said %d times, want %d:\n%s", tt.name, n, tt.times, errs.String())
		}
	}
	var out bytes.Buffer
	r := Start(&JSON{Out: &out}, Sources{Fill: func(*Snapshot) {}, AlikeHint: "write this"})
	for range 100 {
		r.Failed(valueError("in/a.txt", "line is bad"))
	}
	r.Finish(0, 0, false)
	if text := out.String(); !strings.Contains(text, `{"message_type":"warning","message":"the first 100 items have all failed in the same way: ValueError: line is bad; hint: write this","count":100,"error":"ValueError: line is bad","hint":"write this"}`) {
		t.Errorf("JSON:\n%s", text)
	}
}

func BenchmarkGroups(b *testing.B) {
	var g Groups
	f := valueError("in/folder/f00001234.txt", "cannot read 'in/folder/f00001234.txt': line 1234 has 17 fields, not 12")
	for b.Loop() {
		g.Add(f)
	}
}

// A type of an error may have any name. No part of it looks like a line of ours.
func TestNoTextOfAFailureIsALineOfItsOwn(t *testing.T) {
	const forged = "\nerror: FORGED\n"
	var groups Groups
	groups.Add(Failure{Kind: "error", ErrorType: "m\x07" + forged, Path: "a" + forged, Message: "b\x07" + forged, Traceback: "c" + forged})
	groups.Add(Failure{Kind: "error", ErrorType: "T" + forged, Item: forged, Message: forged})
	var out strings.Builder
	if err := GroupsText(&out, &groups, shownGroups, true); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "  ") || strings.ContainsRune(line, '\a') {
			t.Errorf("a line of a failure's text: %q", line)
		}
	}
}
