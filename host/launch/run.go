package launch

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/fleet"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// Run is a run that nodes can join.
type Run struct {
	// ID is the run's, Fleet that of all runs which take it up.
	ID, Fleet string
	// Dir is the run's folder, an absolute path.
	Dir string
	// Folder is the working folder, and Backbone the name of the backbone, which nodes must have, too; empty: not known.
	Folder, Backbone string
	// Version is the coordinator's, which nodes must have, too.
	Version string
	// URLs are the addresses of its queue, Secret what its token file has.
	URLs   []string
	Secret string
	// Named: the server at the addresses is the team's.
	Named bool
	// Ended reports whether the run is over, so that no node is needed any more.
	Ended func() bool
}

// Open returns the run in a folder, which must be there and not over.
func Open(dir string) (run Run, err error) {
	const first = "start the run first: kagurazaka PLUGIN TASK … --listen --run-dir DIR"
	if dir == "" {
		return run, exitcode.Usagef("--run-dir: is missing; hint: it is the folder of the run that the nodes join; %s", first)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return run, err
	}
	contact, err := fleet.Find(dir)
	if err == nil {
		run.Secret, err = fleet.ReadToken(fleet.TokenFile(dir))
	}
	if err != nil {
		return run, exitcode.Usagef("--run-dir: %w; hint: %s", err, first)
	}
	if contact.Ended {
		return run, exitcode.Usagef("--run-dir %s: the run has ended, and needs no nodes", terminal.Quote(dir))
	}
	run.ID, run.Fleet, run.Dir, run.Version = contact.Fleet, contact.Fleet, dir, contact.Version
	run.URLs, run.Named = contact.URLs, contact.Named
	if info, err := ledger.ReadInfo(dir); err == nil {
		run.ID, run.Folder = info.ID, info.Folder
		run.Backbone, _ = info.Backbone["name"].(string)
	}
	run.Ended = func() bool {
		now, err := fleet.Find(dir)
		return err == nil && (now.Ended || now.Fleet != contact.Fleet)
	}
	return run, nil
}

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

// doubts says that the coordinator does not answer, if it does not.
func (r Run) doubts(ctx context.Context) []string {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, address := range r.URLs {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host); err == nil {
			_ = conn.Close()
			return nil
		}
	}
	return []string{fmt.Sprintf("nothing answers at %s from here: the run's coordinator may be gone; hint: start it again with --resume, for which nodes wait as long as --reconnect says", strings.Join(r.URLs, " "))}
}

// warn logs what may go wrong.
func warn(log Log, texts []string) {
	for _, t := range texts {
		log.Warn(t)
	}
}

// name is a name for the run that Slurm and Kubernetes take.
func (r Run) name() string {
	const most = 12
	id := strings.Trim(odd().ReplaceAllString(strings.ToLower(r.Fleet), "-"), "-")
	return "kagurazaka-" + cmp.Or(strings.TrimRight(id[:min(len(id), most)], "-"), "run")
}

var odd = lazily.Regexp(`[^a-z0-9]+`)
