package plugin

import (
	"errors"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// ErrNoCertificate is in the error of a plugin that was to speak TLS and does not.
var ErrNoCertificate = exitcode.Usagef("the plugin has no certificate")

// hasCertificate reports whether the handshake brought one.
func (r *runner) hasCertificate() bool {
	line, _ := r.firstSaid()
	fields := strings.Split(line, "|")
	return len(fields) > certificateField && isCertificate(fields[certificateField])
}

func noCertificate(name string) error {
	return &StartError{
		Plugin: name, What: "was ended: it answered without a certificate, so its connection could not be encrypted as --mtls demands",
		Hints: []string{
			"its SDK does not follow PLUGIN_CLIENT_CERT; the Go SDK does, the Python SDK cannot make certificates",
			"without --mtls its sockets are unix sockets in a folder of mode 0700, which no other user can enter",
		},
		Err: ErrNoCertificate,
	}
}

// errForkedTLS is about plugins that make workers of their own: the contract has no place for the certificates of those.
var errForkedTLS = errors.New("workers that a plugin makes itself cannot speak TLS; start each anew")
