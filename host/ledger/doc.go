// Package ledger keeps what a run did in a folder of its own: what was run, what became of each item, why items failed,
// and what the host logged. It needs nothing but a file that one process appends to, so it is safe on network file
// systems. docs/design/ledger.md has the format.
package ledger

// The files of a run's folder.
const (
	infoFile     = "run.json"
	outcomesFile = "outcomes"
	failedFile   = "failed.jsonl"
	logFile      = "log"
	lockFile     = "lock"
)
