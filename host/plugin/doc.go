// Package plugin starts, describes, watches and stops plugin processes. It is the only room of the host that knows
// go-plugin, gRPC and the generated messages: everything else sees the types of schema and backbones.
package plugin

import (
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

const (
	deviceKey = "KAGURAZAKA_DEVICE"
	// lifelineFD is where a started process finds the lifeline: the first file after stdin, stdout and stderr.
	lifelineFD = "3"
)

// hostCapabilities are what this host can do; SDKs ignore what they do not know.
var hostCapabilities = []string{"staging", "direct", "heartbeat", "spawn", "indexed", "opaque", "close"}

// The defaults of StartOptions.
const (
	defaultStartTimeout = time.Minute
	defaultOpenTimeout  = 10 * time.Minute
)

func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
	}
}
