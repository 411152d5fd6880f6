package plugin

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// The fields of a handshake, behind each other and separated by "|".
const (
	coreField = iota
	versionField
	networkField
	addressField
	kindField
	// certificateField may be left out.
	certificateField
)

const (
	ruleHandshake = "The handshake"
	ruleTLS       = "TLS"
)

// handshakeFault is what is wrong with the first line that a process printed.
type handshakeFault struct {
	what  string
	hints []string
}

// checkHandshake looks for the first field that this host cannot accept; nil: there is none. mtls says that the plugin was
// asked for a certificate.
func checkHandshake(line string, mtls bool) *handshakeFault {
	fields := strings.Split(line, "|")
	fault := func(rule, format string, args ...any) *handshakeFault {
		return &handshakeFault{what: fmt.Sprintf(format, args...) + backbones.RuleNote(rule)}
	}
	switch {
	case len(fields) < kindField:
		return &handshakeFault{
			what: fmt.Sprintf("printed %q where a plugin's handshake was expected", clip(line)),
			hints: []string{
				"if it is a kagurazaka plugin, something in it prints to stdout before the SDK serves: print to stderr",
				"if it is another program, it cannot be run as a plugin",
			},
		}
	case fields[coreField] != "1":
		return fault(ruleHandshake, "speaks version %s of go-plugin's core protocol and this host speaks version 1", harmless(fields[coreField]))
	case fields[versionField] != fmt.Sprint(wire.ProtocolVersion):
		return &handshakeFault{
			what:  fmt.Sprintf("speaks version %s of the plugin protocol and this host speaks version %d", harmless(fields[versionField]), wire.ProtocolVersion),
			hints: []string{"build it against the SDK of this host's version, or use a host of its version"},
		}
	case fields[networkField] != "unix":
		// Only a unix socket is private; for other networks a hostile plugin could also have the host look up names and
		// connect to what it likes.
		return fault(ruleHandshake, "offers the network %q, and this host connects to unix sockets only", clip(fields[networkField]))
	case fields[addressField] == "":
		return fault(ruleHandshake, "names no socket in its handshake")
	case len(fields) <= kindField || fields[kindField] != "grpc":
		kind := "netrpc"
		if len(fields) > kindField {
			kind = fields[kindField]
		}
		return &handshakeFault{
			what: fmt.Sprintf("speaks %q where gRPC was expected", clip(kind)), hints: []string{"it is a plugin of another program"},
		}
	case mtls && len(fields) > certificateField && fields[certificateField] != "" && !isCertificate(fields[certificateField]):
		return fault(ruleTLS, "put %q into its handshake where its certificate belongs, and that is not a certificate", clip(fields[certificateField]))
	}
	return nil
}

// isCertificate reports whether a field of the handshake is a certificate as go-plugin has them: DER in base64 without
// padding.
func isCertificate(field string) bool {
	der, err := base64.RawStdEncoding.DecodeString(field)
	if err != nil {
		return false
	}
	_, err = x509.ParseCertificate(der)
	return err == nil
}
