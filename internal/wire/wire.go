// Package wire holds the constants of the contract between host and plugin; docs/protocol.md explains them.
package wire

// The handshake.
const (
	CookieKey       = "KAGURAZAKA_PLUGIN"
	CookieValue     = "8f0d1c2e-task-plugin"
	ProtocolVersion = 1
)

// SDKVersion is the version of host and SDKs, which are released together.
const SDKVersion = "0.2.0"

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

// The layout of a heartbeat page: a header with the magic number and a slot for each chunk in flight, then for each slot a byte for
// each item.
const (
	BeatMagic  = 0x3130305442485a4b
	BeatHeader = 4096
	BeatSlot   = 64
	BeatSize   = BeatHeader + MaxInFlight*MaxChunkItems
)

// Outcomes of an item in a heartbeat page. An item after the slot's index has none yet.
const (
	Done    byte = 0
	Failed  byte = 1
	Skipped byte = 2
)

// Capabilities.
const (
	Heartbeat = "heartbeat"
	Staging   = "staging"
	Close     = "close"
	// Members says that inputs may be members of tar archives.
	Members = "members"
	// Debug says that a worker waits for a debugger where the host asks for it.
	Debug = "debug"
	// ListCloses says that the List call has closed the task when it ends.
	ListCloses = "list_closes"
	List       = "list"
	IsExecuted = "is_executed"
	// Stages and Finish are those of device tasks.
	Stages = "stages"
	Finish = "finish"
)
