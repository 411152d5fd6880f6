package job

import (
	"strings"
	"testing"
)

func TestListenAddress(t *testing.T) {
	for text, want := range map[string]string{
		ListenHere: "127.0.0.1:0", ":4222": ":4222", "node1": "node1:0", "0.0.0.0": "0.0.0.0:0", "::1": "[::1]:0", "[::1]": "[::1]:0", "[::1]:7": "[::1]:7",
	} {
		f := NetFlags{Listen: text}
		if got, err := f.address(); err != nil || got != want {
			t.Errorf("--listen=%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"host:port", "host:70000", "a:b:c", "host:-1"} {
		f := NetFlags{Listen: text}
		if got, err := f.address(); err == nil {
			t.Errorf("--listen=%s was taken as %s", text, got)
		}
	}
}

// TestTheSamePortIsTakenAgain, where any will do.
func TestTheSamePortIsTakenAgain(t *testing.T) {
	for _, tt := range [][3]string{
		{"127.0.0.1:0", "127.0.0.1:4000", "127.0.0.1:4000"}, {"0.0.0.0:0", "127.0.0.1:4000", "0.0.0.0:4000"}, {"127.0.0.1:5", "127.0.0.1:4000", "127.0.0.1:5"},
		{"127.0.0.1:0", "", "127.0.0.1:0"},
	} {
		if got := samePort(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s after %s: %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestURLs(t *testing.T) {
	if got := urls("127.0.0.1:4000"); len(got) != 1 || got[0] != "nats://127.0.0.1:4000" {
		t.Error(got)
	}
	got := urls("0.0.0.0:4000")
	if len(got) < 2 || strings.Contains(strings.Join(got, " "), "0.0.0.0") || got[len(got)-1] != "nats://127.0.0.1:4000" {
		t.Error(got)
	}
	for address, want := range map[string]bool{"127.0.0.1:0": true, "localhost:1": true, "[::1]:2": true, ":3": false, "0.0.0.0:4": false, "node1:5": false} {
		if isLoopback(address) != want {
			t.Errorf("%s: loopback %v", address, !want)
		}
	}
}
