// Package outputs keeps the journal of direct outputs: which of them somebody has begun and not concluded. An output is
// finished when it exists and the journal does not name it. docs/design/outputs.md says why it is as it is, and
// docs/protocol.md has the formats for authors of SDKs.
package outputs
