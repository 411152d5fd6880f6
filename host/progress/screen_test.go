package progress

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func foot(lines ...string) func(int, int) []string {
	return func(int, int) []string { return lines }
}

func TestScreenKeepsTheFootBelowWhatIsPrinted(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out, func() (int, int) { return 12, 5 })
	s.Foot(foot("a foot"))
	n, err := io.WriteString(s, "a log line\n")
	if err != nil || n != len("a log line\n") {
		t.Fatal(n, err)
	}
	s.Foot(foot("two", "lines"))
	// The foot waits for the end of a line.
	for _, text := range []string{"half a", " line\n"} {
		if _, err := io.WriteString(s, text); err != nil {
			t.Fatal(err)
		}
	}
	s.Foot(nil)
	s.Foot(nil)
	one, two := noWrap+"a foot\r"+wrap, noWrap+"two\r\nlines\x1b[1A\r"+wrap
	want := one + clearBelow + "a log line\n" + one + clearBelow + two + clearBelow + "half a" + " line\n" + two + clearBelow
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// The foot is made for the size that the terminal has now, each time that it is drawn.
func TestFootFollowsTheSize(t *testing.T) {
	var out strings.Builder
	columns := 10
	s := NewScreen(&out, func() (int, int) { return columns, 5 })
	s.Foot(func(columns, _ int) []string { return []string{strings.Repeat("x", columns-1)} })
	columns = 4
	_, _ = io.WriteString(s, "text\n")
	if want := "text\n" + noWrap + "xxx\r" + wrap; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q does not end in %q", out.String(), want)
	}
}
