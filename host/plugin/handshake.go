package plugin

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// The fields of a handshake, in their order. "|" separates them.
const (
	coreField = iota
	versionField
	networkField
	addressField
	kindField
	// certificateField may be missing.
	certificateField
)

// errNoCertificate is in the error of a plugin that had to speak TLS and does not.
var errNoCertificate = exitcode.Usagef("the plugin has no certificate")

// checkHandshake says what is wrong with the first line that a process printed, and gives hints; empty: nothing. With mtls, the plugin
// was asked for a certificate.
func checkHandshake(line string, mtls bool) (what string, hints []string) {
	fields := strings.Split(line, "|")
	fault := func(rule, format string, args ...any) (string, []string) {
		return fmt.Sprintf(format, args...) + backbones.RuleNote(rule), nil
	}
	switch {
	case len(fields) < kindField:
		return fmt.Sprintf("printed %q where a plugin's handshake was expected", clip(line)), []string{
			"if it is a kagurazaka plugin, something in it prints to stdout before the SDK serves: print to stderr",
			"if it is another program, it cannot be run as a plugin",
		}
	case fields[coreField] != "1":
		return fault("The handshake", "speaks version %s of go-plugin's core protocol and this host speaks version 1", harmless(fields[coreField]))
	case fields[versionField] != fmt.Sprint(wire.ProtocolVersion):
		return fmt.Sprintf("speaks version %s of the plugin protocol and this host speaks version %d", harmless(fields[versionField]), wire.ProtocolVersion),
			[]string{"build it against the SDK of this host's version, or use a host of its version"}
	case fields[networkField] != "unix":
		// Only a unix socket is private. On other networks a hostile plugin could make the host connect to any address.
		return fault("The handshake", "offers the network %q, and this host connects to unix sockets only", clip(fields[networkField]))
	case fields[addressField] == "":
		return fault("The handshake", "names no socket in its handshake")
	case len(fields) <= kindField || fields[kindField] != "grpc":
		kind := "netrpc"
		if len(fields) > kindField {
			kind = fields[kindField]
		}
		return fmt.Sprintf("speaks %q where gRPC was expected", clip(kind)), []string{"it is a plugin of another program"}
	case mtls && len(fields) > certificateField && fields[certificateField] != "" && !hasCertificate(line):
		return fault("TLS", "put %q into its handshake where its certificate belongs, and that is not a certificate", clip(fields[certificateField]))
	}
	return "", nil
}

// hasCertificate reports whether a handshake has a certificate in go-plugin's form: DER in base64 without padding.
func hasCertificate(line string) bool {
	fields := strings.Split(line, "|")
	if len(fields) <= certificateField {
		return false
	}
	der, err := base64.RawStdEncoding.DecodeString(fields[certificateField])
	if err != nil {
		return false
	}
	_, err = x509.ParseCertificate(der)
	return err == nil
}
