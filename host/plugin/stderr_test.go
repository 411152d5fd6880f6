package plugin

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestStderrLog(t *testing.T) {
	var out bytes.Buffer
	log := newStderrLog(hclog.New(&hclog.LoggerOptions{Output: &out, DisableTime: true, Level: hclog.Debug}), nil)
	log.drain(strings.NewReader(strings.Join([]string{
		`{"@level":"warn","@message":"careful","@timestamp":"2026-01-01T00:00:00Z","item":"x"}`,
		"plain print",
		"  0%|   |\r 50%|#  |\r100%|###|",
		`{"no": "hclog"}`,
		"",
		strings.Repeat("x", 3*maxLine),
		"last, without a newline",
	}, "\n")))
	got := out.String()
	for _, want := range []string{"[WARN]  careful: item=x", "[INFO]  plain print", "100%|###|", `{"no": "hclog"}`, "last, without a newline"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q:\n%.600s", want, got)
		}
	}
	if strings.Contains(got, "50%") {
		t.Error("the overwritten states of a progress bar are logged")
	}
	tail := log.tail()
	if len(tail) == 0 || len(tail) > tailLines || tail[len(tail)-1] != "last, without a newline" {
		t.Errorf("tail %q", tail)
	}
	for _, line := range tail {
		if len(line) > tailWidth+len("…") {
			t.Errorf("a line of %d bytes is kept", len(line))
		}
	}
}

func FuzzStderrLog(f *testing.F) {
	f.Add([]byte(`{"@level":"info","@message":"m"}` + "\n"))
	f.Add([]byte("{\"@level\":3}\r\r\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		log := newStderrLog(hclog.NewNullLogger(), nil)
		log.drain(bytes.NewReader(data))
		if len(log.tail()) > tailLines {
			t.Fatal("the tail is too long")
		}
	})
}
