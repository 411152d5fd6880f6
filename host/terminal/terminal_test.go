package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain text, with\ttabs\nand lines\n", "plain text, with\ttabs\nand lines\n"},
		{"größer 神楽坂 שלום 🙂", "größer 神楽坂 שלום 🙂"},
		{"\x1b[2J\x1b[Hdone 5, skipped 0", `\x1b[2J\x1b[Hdone 5, skipped 0`},
		{"50%\rdone 5", `50%\rdone 5`},
		{"a\x00b\x07c\x08d\x7fe", `a\x00b\x07c\x08d\x7fe`},
		{"\u009b2J and \u0085", `\u009b2J and \u0085`},
		{"invoice\u202efdp.exe\u2066x\u2069", `invoice\u202efdp.exe\u2066x\u2069`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"latin \xe9t\xe9", `latin \xe9t\xe9`},
		{"a real \ufffd stays", "a real \ufffd stays"},
		{`a \x1b that is written out`, `a \x1b that is written out`},
	}
	for _, tt := range tests {
		if got := Clean(tt.text); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// obeyed is a character that a terminal acts on.
func obeyed(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || hidden(r)
}

func TestNothingIsObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		for _, got := range []string{Clean(text), Line(text, limit), Block(text, "  ", limit)} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, obeyed) {
				t.Fatalf("%q became %q", text, got)
			}
		}
		if strings.ContainsAny(Line(text, limit), "\n\t") {
			t.Fatalf("%q has several lines", Line(text, limit))
		}
		for i, line := range strings.Split(Block(text, "  ", limit), "\n") {
			if i > 0 && !strings.HasPrefix(line, "  ") {
				t.Fatalf("line %d of %q passes for ours", i, Block(text, "  ", limit))
			}
		}
		if Clean(Clean(text)) != Clean(text) {
			t.Fatalf("%q is not clean", Clean(text))
		}
	})
}

func TestLine(t *testing.T) {
	if got := Line("two\nlines\tand\r", 100); got != `two\nlines\tand\r` {
		t.Errorf("got %q", got)
	}
	long := "the beginning " + strings.Repeat("x", 1<<20) + " the end"
	got := Line(long, 200)
	if len(got) > 300 || !strings.HasPrefix(got, "the beginning") || !strings.HasSuffix(got, " the end") || !strings.Contains(got, "1048398 bytes left out") {
		t.Errorf("got %q", got)
	}
	if got := Line(strings.Repeat("é", 100), 41); !utf8.ValidString(got) || strings.Contains(got, `\x`) {
		t.Errorf("a character was cut: %q", got)
	}
}

func TestBlock(t *testing.T) {
	if got := Block("Traceback:\r\n  File\n\nValueError\n", "    ", 100); got != "Traceback:\n      File\n    \n    ValueError" {
		t.Errorf("got %q", got)
	}
	// What claims to be the end of a run stands below the item that it came from.
	if got := Block("no\ndone 5, skipped 0, failed 0 in 1.00 s (5 items/s)", "    ", 100); !strings.HasPrefix(got, "no\n    done 5") {
		t.Errorf("got %q", got)
	}
}

type brokenPipe struct{ err error }

func (b brokenPipe) Write([]byte) (int, error) { return 0, b.err }

func TestOutput(t *testing.T) {
	var b bytes.Buffer
	o := NewOutput(&b)
	if n, err := fmt.Fprintf(o, "a\x1b[0m\n"); n != 6 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	_, _ = o.Raw().Write([]byte("\x1b[1m"))
	if got := b.String(); got != `a\x1b[0m`+"\n\x1b[1m" || o.Err() != nil {
		t.Errorf("got %q, %v", got, o.Err())
	}
	full := errors.New("no space left on device")
	o = NewOutput(brokenPipe{full})
	_, _ = o.Raw().Write([]byte("x"))
	if !errors.Is(o.Err(), full) {
		t.Errorf("got %v", o.Err())
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	log := hclog.New(&hclog.LoggerOptions{Name: "k", Output: &Log{Out: &b, Color: true}, DisableTime: true})
	log.Warn("a\x1b[2Jb\r\nkagurazaka: all done", "key\x07", "va\nlue\x1b[1m")
	want := "\x1b[93m[WARN]  k: a\\x1b[2Jb\n    kagurazaka: all done:\n      key\\x07=\n      | va\n      | lue\\x1b[1m\x1b[0m\n"
	if got := b.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	b.Reset()
	log.Info(strings.Repeat("x", 1<<20))
	if b.Len() > 2*logLimit {
		t.Errorf("%d bytes of one entry", b.Len())
	}
}

func TestJSON(t *testing.T) {
	item := JSON([]byte("{\"path\": \"\xff\xfe\u009b\"}"))
	if !utf8.Valid(item) || !json.Valid(item) || !strings.Contains(string(item), "\u009b") {
		t.Errorf("got %q", item)
	}
}

// JSON on a terminal is obeyed no more than text, and says what it said.
func TestJSONIsNotObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text") + rapid.StringOf(rapid.RuneFrom([]rune("\x1b\u009b\x7f\u202e\u2066\u2028ü\"\\\n"))).Draw(t, "hidden")
		var out bytes.Buffer
		e := json.NewEncoder(NewOutput(&out).JSON())
		e.SetEscapeHTML(false)
		if err := e.Encode(map[string]string{text: text}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), obeyed); i >= 0 {
			t.Fatalf("%q", out.String()[i:])
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[text] != text {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
	})
}

func TestInColor(t *testing.T) {
	tests := []struct {
		when, noColor, term string
		isTerminal, want    bool
	}{
		{"auto", "", "xterm", true, true},
		{"", "", "xterm", true, true},
		{"auto", "", "xterm", false, false},
		{"auto", "1", "xterm", true, false},
		{"auto", "", "dumb", true, false},
		{"always", "1", "dumb", false, true},
		{"never", "", "xterm", true, false},
	}
	for _, tt := range tests {
		t.Setenv("NO_COLOR", tt.noColor)
		t.Setenv("TERM", tt.term)
		if got := InColor(tt.when, tt.isTerminal); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestFit(t *testing.T) {
	tests := []struct {
		line string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"texts/2024/a.txt", 10, "tex…/a.txt"},
		{"神楽坂神楽坂", 7, "神…楽坂"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
	}
	for _, tt := range tests {
		if got := Fit(tt.line, tt.n); got != tt.want || Columns(got) > tt.n {
			t.Errorf("Fit(%q, %d) = %q, want %q", tt.line, tt.n, got, tt.want)
		}
	}
	if got := Pad("神", 4); got != "神  " {
		t.Errorf("%q", got)
	}
}
