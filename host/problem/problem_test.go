package problem

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	problems := []Problem{
		{Source: "shared.yaml:4:3", Path: "dataloadr", Message: "names no field", Suggestion: "did you mean dataloader?", Warning: true},
		{Source: "--mixin a.b", Path: "a.b", Message: "there is no field b", Suggestion: "did you mean c?"},
		{Path: "--size", Message: "must be an integer, not x"},
		{Path: "--size", Message: "must be an integer, not x"},
		{Source: "cfg.yaml:1:1", Message: "duplicate key"},
	}
	var b strings.Builder
	Print(&b, fmt.Errorf("reading it: %w", Err(problems)))
	Print(&b, errors.New("no plugin x\n  tried: y\nz"))
	want := `error: --mixin a.b: there is no field b; hint: did you mean c?
error: --size: must be an integer, not x
error: cfg.yaml:1:1: duplicate key
error: no plugin x
  tried: y
  z
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestErrLeavesOutWarnings(t *testing.T) {
	if err := Err([]Problem{{Message: "w", Warning: true}}); err != nil || Any([]Problem{{Warning: true}}) {
		t.Errorf("a warning became an error: %v", err)
	}
	err := Err([]Problem{{Message: "w", Warning: true}, {Path: "a", Message: "bad", Suggestion: "do c"}, {Message: "worse"}})
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != 2 {
		t.Fatalf("got %#v", err)
	}
	if got, want := err.Error(), "a: bad; hint: do c\nworse"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !Any(errs) {
		t.Error("Any found no error")
	}
}

func TestMeant(t *testing.T) {
	for _, c := range []struct {
		word    string
		options []string
		want    string
	}{
		{"inptu_path", []string{"input_path", "output_path"}, "did you mean input_path?"},
		{"zzz", []string{"input_path", "output_path"}, "its fields: input_path, output_path"},
		{"zzz", nil, ""},
	} {
		if got := Meant(c.word, "its fields", c.options); got != c.want {
			t.Errorf("Meant(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestFresh(t *testing.T) {
	known := []Problem{{Source: "cfg.yaml:1:2", Message: "no such key"}, {Source: "cfg.yaml:2:2", Warning: true}, {Message: "no source"}}
	got := Fresh(known, []Problem{{Source: "cfg.yaml:1:2", Message: "still to fill"}, {Source: "cfg.yaml:2:2", Message: "a"}, {Message: "b"}})
	if len(got) != 2 || got[0].Message != "a" || got[1].Message != "b" {
		t.Errorf("got %v", got)
	}
}
