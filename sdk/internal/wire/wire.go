// Package wire holds the constants of the contract between host and plugin; docs/protocol.md explains them.
package wire

// The handshake.
const (
	CookieKey       = "KAGURAZAKA_PLUGIN"
	CookieValue     = "8f0d1c2e-task-plugin"
	ProtocolVersion = 1
)

// LifelineKey names the variable with the number of the lifeline's file descriptor.
const LifelineKey = "KAGURAZAKA_LIFELINE"

// Limits of messages and chunks.
const (
	// MessageLimit bounds a gRPC message in both directions, in bytes.
	MessageLimit = 64 << 20
	// MaxChunkItems is the most items that a chunk has.
	MaxChunkItems = 16384
	// MaxInFlight is the most chunks that a worker has at a time.
	MaxInFlight = 4
)

// Capabilities.
const (
	Heartbeat = "heartbeat"
	Staging   = "staging"
	Close     = "close"
	// ListCloses says that a task is closed by the end of its List call.
	ListCloses = "list_closes"
	List       = "list"
	IsExecuted = "is_executed"
	// Stages and Finish are those of device tasks.
	Stages = "stages"
	Finish = "finish"
)
