// Package launch starts nodes of a run on other machines: through Slurm, Kubernetes or ssh. A launcher starts `kagurazaka work …` there and
// watches them; items, leases and results are the business of the run. lifeline.go and mark.go are the node's side.
package launch

import (
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// Node is what each node is started with.
type Node struct {
	// Program is the path of kagurazaka on the node's machine.
	Program string
	// Flags are further words for `kagurazaka work`.
	Flags []string
}

// work is the command line of a node with some words first.
func (n Node) work(words ...string) []string {
	return append(append([]string{n.Program, "work"}, words...), n.Flags...)
}

// plain words mean the same in every shell.
var plain = lazily.Regexp(`^[A-Za-z0-9_./-][A-Za-z0-9_./:@+,=-]*$`)

// shell writes a command line for whatever shell the user has there.
func shell(words []string) string {
	quoted := slices.Clone(words)
	for i, w := range words {
		if !plain().MatchString(w) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// Log is where launchers tell what happens.
type Log = hclog.Logger

// errDrained ends a launcher after the first signal, when its nodes have left, errEnded at the second.
var (
	errDrained = exitcode.With(exitcode.Interrupted, errors.New("interrupted: the nodes have left the run"))
	errEnded   = exitcode.With(exitcode.Interrupted, errors.New("interrupted: the nodes were ended at once"))
)
