package plugin

import (
	"strings"
	"testing"
)

func TestHandshakesAreToldByTheRuleThatTheyBreak(t *testing.T) {
	for _, tt := range []struct {
		line string
		mtls bool
		want string
	}{
		{"1|1|unix|/tmp/s|grpc", false, ""},
		{"1|1|unix|/tmp/s|grpc|", true, ""},
		{"1|1|unix|/tmp/s|grpc|anything", false, ""},
		{"hello", false, "where a plugin's handshake was expected"},
		{"2|1|unix|/tmp/s|grpc", false, `core protocol and this host speaks version 1 (see "The handshake" in docs/protocol.md)`},
		{"1|99|unix|/tmp/s|grpc", false, "speaks version 99 of the plugin protocol"},
		{"1|1|tcp|127.0.0.1:1|grpc", false, `the network "tcp", and this host connects to unix sockets only (see "The handshake"`},
		{"1|1|unix||grpc", false, "names no socket"},
		{"1|1|unix|/tmp/s", false, `speaks "netrpc" where gRPC was expected`},
		{"1|1|unix|/tmp/s|grpc|TLSv1.3", true, `put "TLSv1.3" into its handshake where its certificate belongs, and that is not a certificate (see "TLS"`},
		{"1|1|unix|/tmp/s|grpc|" + strings.Repeat("QUJD", 40), true, "that is not a certificate"},
	} {
		what, _ := checkHandshake(tt.line, tt.mtls)
		if (tt.want == "") != (what == "") || !strings.Contains(what, tt.want) {
			t.Errorf("%q: %q, want %q", tt.line, what, tt.want)
		}
	}
}
