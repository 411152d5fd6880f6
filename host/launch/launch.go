// Package launch starts nodes of a run on other machines: through Slurm, Kubernetes or ssh. A launcher starts `kagurazaka work …` there and
// watches what becomes of it; items, leases and results are no matter of its own. lifeline.go and mark.go are the node's side.
package launch

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// Run is a run that nodes can join.
type Run struct {
	// ID is the run's, Fleet that of all runs which take it up.
	ID, Fleet string
	// Dir is the run's folder, an absolute path.
	Dir string
	// URLs are the addresses of its queue, Secret what its token file has.
	URLs   []string
	Secret string
	// Ended reports whether the run is over, so that no node is needed any more.
	Ended func() bool
}

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

// shell writes a command line as a shell reads it.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = terminal.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// Log is where launchers tell what happens.
type Log = hclog.Logger

// loopback reports whether only programs on the coordinator's own machine reach an address.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// beyond are the addresses that other machines may reach.
func (r Run) beyond() []string {
	return slices.DeleteFunc(slices.Clone(r.URLs), loopback)
}

// name is a name for the run that Slurm and Kubernetes take.
func (r Run) name() string {
	const most = 12
	id := strings.Trim(odd.ReplaceAllString(strings.ToLower(r.Fleet), "-"), "-")
	return "kagurazaka-" + cmp.Or(strings.TrimRight(id[:min(len(id), most)], "-"), "run")
}

var odd = regexp.MustCompile(`[^a-z0-9]+`)

// errDrained ends a launcher at the first signal, when its nodes have left.
var errDrained = exitcode.With(exitcode.Interrupted, errors.New("interrupted: the nodes have left the run"))
