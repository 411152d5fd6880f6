package progress

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShape(t *testing.T) {
	tests := []struct {
		message string
		names   []string
		want    string
	}{
		{"", nil, ""},
		{"no such thing", nil, "no such thing"},
		{"bad line 12", nil, "bad line …"},
		{"12 of 90 lines are bad", nil, "… of … lines are bad"},
		{"wants -1.5e-3, not +7", nil, "wants …, not …"},
		{"took 12ms", nil, "took …ms"},
		{"at 2026-11-28T03:08:10Z", nil, "at …T…Z"},
		{"[1, 2, 3] has no 4", nil, "[…] has no …"},
		{"cannot read 'a b.txt'", nil, "cannot read …"},
		{`cannot read "it's"`, nil, "cannot read …"},
		{`cannot read 'it\'s'`, nil, "cannot read …"},
		{"b'\\xff' is not text", nil, "… is not text"},
		{"can't read the user's file", nil, "can't read the user's file"},
		{"expected a ' here", nil, "expected a ' here"},
		{"key ‘größer’ and «x»", nil, "key … and …"},
		{"open /data/in/a.txt: no such file or directory", nil, "open …: no such file or directory"},
		{"open texts/a.txt.", nil, "open …."},
		{"see https://example.org/x?y=z, or not", nil, "see …, or not"},
		{"in km/s and/or m/s", nil, "in km/s and/or m/s"},
		{`C:\Users\me is a folder`, nil, "… is a folder"},
		{"object at 0x7f8a2c", nil, "object at …"},
		{"commit deadbeef, not 3f2a9c", nil, "commit …, not …"},
		{"id 9f1b2c3d-1234-4abc-8def-0123456789ab", nil, "id …"},
		{"token x7Gh2kQ9 is old", nil, "token … is old"},
		{"a facade, a decade", nil, "a facade, a decade"},
		{"float32 is not int64", nil, "float… is not int…"},
		{"cannot read a.txt", []string{"a.txt"}, "cannot read …"},
		{"cannot write cats.txt.out now", namesOf("in/cats.txt", nil), "cannot write … now"},
		{"cats are not concats", namesOf("in/cats.txt", nil), "… are not concats"},
		{"no user jane", []string{"jane"}, "no user …"},
		{"at", []string{"at"}, "at"},
		{"cannot read 100 or -100 after 100ms", namesOf("in/100.txt", nil), "cannot read … or … after …ms"},
	}
	for _, tt := range tests {
		if got := shapeOf(tt.message, tt.names).key(); got != tt.want {
			t.Errorf("the shape of %q with the names %q is %q, want %q", tt.message, tt.names, got, tt.want)
		}
	}
}

func FuzzShape(f *testing.F) {
	for _, seed := range []string{"", "bad line 12", "open 'a b' at /x/y.z: -1.5e7", `'it\'s' "x`, "0x1f …", "a1b2c3d4 \xff", "it's 'x'", "–1 ١٢"} {
		f.Add(seed, "a.txt")
	}
	rotated := strings.NewReplacer("1", "2", "2", "3", "3", "4", "4", "5", "5", "6", "6", "7", "7", "8", "8", "9", "9", "1")
	f.Fuzz(func(t *testing.T, message, name string) {
		whole := shapeOf(message, nil)
		got := whole.key()
		if len(message) <= maxShaped && !strings.Contains(message, blank) && whole.String() != message {
			t.Errorf("%q with its values is %q", message, whole)
		}
		if len(got) > 2*len(blank)*maxShaped {
			t.Errorf("a shape of %d bytes", len(got))
		}
		if utf8.ValidString(message) && !utf8.ValidString(got) {
			t.Errorf("the shape %q is not UTF-8", got)
		}
		if strings.ContainsAny(got, "123456789") {
			t.Errorf("the shape %q has a number", got)
		}
		// Other numbers in the same places make no other kind.
		if other := shapeOf(rotated.Replace(message), nil).key(); other != got {
			t.Errorf("%q has the shape %q, and with other digits %q", message, got, other)
		}
		shapeOf(message, []string{name})
		shapeOf(message, namesOf(name, []string{message}))
	})
}

// What all messages of a kind have in common is shown, whatever it is.
func TestMergedShapes(t *testing.T) {
	for _, tt := range []struct {
		messages []string
		want     string
	}{
		{[]string{"'utf-8' has no byte 0xf6 in position 2"}, "'utf-8' has no byte 0xf6 in position 2"},
		{[]string{"'utf-8' has no byte 0xf6 in position 2", "'utf-8' has no byte 0xf6 in position -3"}, "'utf-8' has no byte 0xf6 in position …"},
		{[]string{"a 1 b 2", "a 1 b 3", "a 2 b 2"}, "a … b …"},
		{[]string{"cannot read 'a b.txt'", "cannot read 'c.txt'"}, "cannot read …"},
		{[]string{"[1, 2]", "[1, 2]"}, "[1, 2]"},
		{[]string{"[1, 2]", "[1, 2, 3]"}, "[…]"},
	} {
		var g Groups
		for _, m := range tt.messages {
			g.Add(Failure{Kind: "error", Message: m})
		}
		if all := g.Sorted(); len(all) != 1 || all[0].Message != tt.want {
			t.Errorf("%q: %d groups, the first %q, want %q", tt.messages, len(all), all[0].Message, tt.want)
		}
	}
}

// The name of an item differs from item to item, also where it is a number.
func TestShapesWithNames(t *testing.T) {
	for _, tt := range []struct {
		message string
		paths   []string
		want    string
	}{
		{"cannot read NAME", []string{"in/100.txt", "in/102.txt", "in/104.txt"}, "cannot read …"},
		{"cannot read NAME after -5 s", []string{"in/1.txt", "in/100.txt"}, "cannot read … after -5 s"},
		{"cannot read NAMEms", []string{"in/100.txt", "in/7.txt"}, "cannot read …ms"},
		{"cannot read NAME.txt", []string{"in/100.txt", "in/102.txt"}, "cannot read …"},
		{"cannot read NAME", []string{"in/cats.txt", "in/dogs.txt"}, "cannot read …"},
		{"cannot read NAME", []string{"in/100.txt"}, "cannot read 100"},
		{strings.Repeat("long ", 50) + "text", []string{"in/100.txt", "in/102.txt"}, strings.Repeat("long ", 50) + "text"},
	} {
		var g Groups
		for _, path := range tt.paths {
			g.Add(Failure{Kind: "error", Path: path, Message: strings.ReplaceAll(tt.message, "NAME", namesOf(path, nil)[2])})
		}
		if all := g.Sorted(); len(all) != 1 || all[0].Message != tt.want {
			t.Errorf("%q for %q: %d groups, the first %q, want %q", tt.message, tt.paths, len(all), all[0].Message, tt.want)
		}
	}
}
