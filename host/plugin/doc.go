// Package plugin starts, describes, watches and stops plugin processes. It is the only room of the host that knows
// go-plugin, gRPC and the generated messages: everything else sees the types of schema and backbones.
package plugin

import (
	"time"

	goplugin "github.com/hashicorp/go-plugin"
)

// What both ends of the handshake agree on; docs/protocol.md has it for authors of SDKs.
const (
	cookieKey       = "KAGURAZAKA_PLUGIN"
	cookieValue     = "8f0d1c2e-task-plugin"
	protocolVersion = 1
	// messageLimit bounds a gRPC message in both directions, in bytes.
	messageLimit = 64 << 20
	lifelineKey  = "KAGURAZAKA_LIFELINE"
	deviceKey    = "KAGURAZAKA_DEVICE"
	// lifelineFD is where a started process finds the lifeline: the first file after stdin, stdout and stderr.
	lifelineFD = "3"
)

// DefaultStartTimeout is how long a plugin may take to its handshake.
const DefaultStartTimeout = 60 * time.Second

// DefaultOpenTimeout is how long a task may take to be opened in a process.
const DefaultOpenTimeout = 10 * time.Minute

func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion: protocolVersion, MagicCookieKey: cookieKey, MagicCookieValue: cookieValue,
	}
}
