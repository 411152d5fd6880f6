package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/fleet"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/queue"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// leaseTime is how long a node has a lease without a sign of life.
const leaseTime = 30 * time.Second

// grantTime is how long after its question a node uses a grant.
const grantTime = 2 * time.Second

// errTakenOver ends a coordinator that another process has taken for dead.
var errTakenOver = errors.New("another coordinator has taken the run over, because this one did not move for a long time; what this one has not recorded is done again there")

// takeFleet makes this process the run's coordinator, before it touches an earlier run in the folder.
func (e *execution) takeFleet(ctx context.Context, dir string) error {
	c, err := fleet.Take(ctx, dir, fleet.Options{
		Owner: outputs.Owner{Since: time.Now().UTC()},
		Waits: func(other outputs.Owner, most time.Duration) {
			e.Log.Info("checking whether the run's coordinator on another machine still works", "host", other.Host, "process", other.PID, "at most", most)
		},
	})
	if err != nil {
		return err
	}
	e.coordinator = c
	e.fleet = rand.Text()
	if earlier, ok := c.Earlier(); ok {
		e.fleet = earlier.Fleet
	}
	return nil
}

// lent is the backbone of a run whose items are lent to nodes, one of which is this process.
type lent struct {
	*lease.Coordinator
	e     *execution
	place *Place
	// server is nil with a team's server.
	server *queue.Server
	queue  *queue.Queue
	dial   queue.Join
	// program is the plugin's file, for nodes that ask for it; nil: it is a folder.
	program *os.File
	// policy is that of a node, Drain included.
	policy backbones.Policy

	mu sync.Mutex
	// others are the nodes that are there, without this process's own.
	others map[string]bool
}

// Joined implements lease.Desk.
func (l *lent) Joined(n lease.Node) {
	host, _ := os.Hostname()
	if n.Own = n.PID == os.Getpid() && n.Host == host; !n.Own {
		l.note(func() { l.others[n.Name] = true })
	}
	l.Coordinator.Joined(n)
}

// Left implements lease.Desk.
func (l *lent) Left(name string, lost bool) {
	l.note(func() { delete(l.others, name) })
	l.Coordinator.Left(name, lost)
}

// Grant implements lease.Desk. Another process that has taken this one for dead may have granted the same.
func (l *lent) Grant(a lease.Ask) lease.Granted {
	if !l.e.coordinator.Alone() {
		return lease.Granted{Later: true}
	}
	return l.Coordinator.Grant(a)
}

// note has the next coordinator know how many nodes there are.
func (l *lent) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.e.coordinator.Nodes(len(l.others))
}

// lend opens the run to nodes, and logs how they join.
func (e *execution) lend(ctx context.Context, place *Place, items items, policy backbones.Policy) (_ *lent, err error) {
	l := &lent{e: e, place: place, policy: policy, others: map[string]bool{}}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if place.packer != nil {
		// This machine may have no worker, and nodes write to the spool.
		if err := place.packer.Start(); err != nil {
			return nil, err
		}
	}
	w, err := e.welcome(place)
	if err != nil {
		return nil, err
	}
	if l.program, w.Program, err = e.program(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("describing the run to nodes: %w", err)
	}
	contact := fleet.Contact{Fleet: e.fleet, Version: e.Version}
	options := queue.Options{
		Run: e.ledger.Info().ID, Generation: e.coordinator.Generation, Version: e.Version, LeaseTime: leaseTime, Welcome: text,
		Admit: func(h queue.Hello) error {
			if h.Version != e.Version {
				err := fmt.Errorf("this node is kagurazaka %s, and the coordinator %s: both must be of the same version", h.Version, e.Version)
				l.Refuse(cmp.Or(h.Name, h.Host), err.Error())
				return err
			}
			return nil
		},
	}
	if l.program != nil {
		options.Program = l.program
	}
	if e.Flags.NATS != "" {
		err = l.openRemote(ctx, options, &contact)
	} else {
		err = l.openOwn(ctx, options, &contact)
	}
	if err != nil {
		return nil, usage(err)
	}
	before, expected := e.coordinator.Before(), 0
	if before.Settled {
		before.Gone = leaseTime
	} else if expected = before.Nodes; expected > 0 && !e.spec.Idle {
		expected++
	}
	l.Coordinator = lease.NewCoordinator(lease.CoordinatorOptions{
		Queue: l.queue, Generation: e.coordinator.Generation, LeaseTime: leaseTime, GrantTime: grantTime + time.Second,
		Remaining: items.remaining, Policy: policy, Alone: func() { e.Log.Info("the run waits for a node, since it has none: " + e.joins(contact)) }, Known: before.Known, Expected: expected, Gone: before.Gone,
	})
	if err := l.queue.Serve(l); err != nil {
		return nil, fmt.Errorf("opening the run to nodes: %w", err)
	}
	if err := e.coordinator.Announce(contact); err != nil {
		return nil, err
	}
	e.Log.Info("other machines join with: " + e.joins(contact))
	return l, nil
}

// joins is the command that joins the run. It has no user and password of a team's server.
func (e *execution) joins(c fleet.Contact) string {
	f := e.Flags
	words := []string{"work", c.URLs[0], "--token-file", fleet.TokenFile(e.ledger.Dir())}
	if f.NATSCreds != "" {
		words = append(words, "--nats-creds", full(f.NATSCreds))
	}
	switch {
	case f.TLSCA != "":
		words = append(words, "--tls-ca", full(f.TLSCA))
	case f.TLSCert != "" && !queue.KnownHere(f.TLSCert):
		// A node that is given the certificate itself needs no authority.
		words = append(words, "--tls-ca", full(f.TLSCert))
	}
	line := terminal.Command(words)
	if _, secret := queue.Public(f.NATS); secret {
		line += " --nats-creds FILE (FILE has the nodes' own user and password, as USER:PASSWORD)"
	}
	return line
}

// openOwn starts the run's own server.
func (l *lent) openOwn(ctx context.Context, o queue.Options, contact *fleet.Contact) error {
	e := l.e
	address, err := e.Flags.address()
	if err != nil {
		return err
	}
	certificate, fingerprint, err := l.certificate(address)
	if err != nil {
		return err
	}
	secret, err := l.secret(fingerprint)
	if err != nil {
		return err
	}
	options := queue.ServerOptions{Listen: address, Token: secret.Token, Certificate: certificate}
	if earlier, ok := e.coordinator.Earlier(); ok && earlier.Listen != "" {
		options.Listen = samePort(address, earlier.Listen)
	}
	l.server, err = queue.StartServer(options)
	if err != nil && options.Listen != address && queue.Is(err, queue.Taken) {
		e.Log.Warn("the coordinator cannot listen where the one before did: nodes that were given --run-dir find it, others do not", "address", options.Listen, "error", err)
		options.Listen = address
		l.server, err = queue.StartServer(options)
	}
	if err != nil {
		return err
	}
	contact.Listen = l.server.Address()
	contact.URLs = urls(contact.Listen)
	if certificate != nil && fingerprint == "" {
		// Nodes do not know this certificate, and must not take a server without one.
		for i, u := range contact.URLs {
			contact.URLs[i] = "tls" + strings.TrimPrefix(u, "nats")
		}
	}
	o.Token = secret.Token
	l.dial.Local = l.server
	l.queue, err = l.server.Open(ctx, o)
	return err
}

// full is the absolute path of a file.
func full(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// passwordInURL is the warning about a password on the command line.
const passwordInURL = "the password of the server is in the URL: everybody on this machine sees command lines; --nats-creds FILE keeps it secret, with one line USER:PASSWORD"

// openRemote uses a team's server.
func (l *lent) openRemote(ctx context.Context, o queue.Options, contact *fleet.Contact) error {
	url, token, err := queue.ParseURL(l.e.Flags.NATS)
	if err != nil {
		return fmt.Errorf("--nats: %w", err)
	}
	if token != "" {
		return errors.New("--nats: a token in the URL is not the run's, which makes its own; give user and password, or --nats-creds")
	}
	secret, err := l.secret("")
	if err != nil {
		return err
	}
	address := queue.Address{URL: url, Secret: secret, Credentials: l.e.Flags.NATSCreds, Authorities: l.e.Flags.TLSCA}
	public, password := queue.Public(url)
	if password {
		l.e.Log.Warn(passwordInURL)
	}
	contact.URLs, contact.Named = []string{public}, true
	o.Token = secret.Token
	l.dial.Addresses = func() ([]queue.Address, error) { return []queue.Address{address}, nil }
	o.Connection = func(lost error) {
		if lost != nil {
			l.e.Log.Warn("the connection to the server is lost: nodes finish what they have, and the run continues when the server is back", "server", public, "error", lost)
			return
		}
		l.e.Log.Info("the server is back", "server", public)
	}
	l.queue, err = queue.OpenRemote(ctx, address, o)
	return err
}

// certificate is the server's, with its fingerprint unless an authority has signed it; nil: only this machine can connect.
func (l *lent) certificate(address string) (*tls.Certificate, string, error) {
	f := l.e.Flags
	if f.TLSCert != "" {
		c, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
		if err != nil {
			return nil, "", exitcode.Usagef("--tls-cert %s, --tls-key %s: %w", f.TLSCert, f.TLSKey, err)
		}
		return &c, "", nil
	}
	if isLoopback(address) {
		return nil, "", nil
	}
	text, err := l.e.coordinator.Certificate(queue.NewCertificate)
	if err != nil {
		return nil, "", err
	}
	c, err := queue.ParseCertificate(text)
	if err != nil {
		return nil, "", err
	}
	return c, queue.Fingerprint(c), nil
}

// secret is the run's, kept for later coordinators and for nodes.
func (l *lent) secret(fingerprint string) (queue.Secret, error) {
	text, err := l.e.coordinator.Token(func(earlier string) (string, error) {
		secret := queue.Secret{Token: queue.NewToken()}
		if earlier != "" {
			var err error
			if secret, err = queue.ParseSecret(earlier); err != nil {
				return "", err
			}
		}
		secret.Fingerprint = fingerprint
		return secret.String(), nil
	})
	if err != nil {
		return queue.Secret{}, err
	}
	return queue.ParseSecret(text)
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// samePort is an address with the port of an earlier one if its own is 0.
func samePort(address, earlier string) string {
	host, port, err := net.SplitHostPort(address)
	_, before, earlierErr := net.SplitHostPort(earlier)
	if err != nil || earlierErr != nil || port != "0" {
		return address
	}
	return net.JoinHostPort(host, before)
}

// urls are where nodes find a server.
func urls(address string) []string {
	host, port, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{"nats://" + address}
	}
	var all []string
	if name, err := os.Hostname(); err == nil {
		all = append(all, "nats://"+net.JoinHostPort(name, port))
	}
	found, _ := net.InterfaceAddrs()
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			all = append(all, "nats://"+net.JoinHostPort(n.IP.String(), port))
		}
	}
	return append(all, "nats://"+net.JoinHostPort("127.0.0.1", port))
}

// usage adds the exit code of wrong usage to errors that the user can mend.
func usage(err error) error {
	for _, reason := range []queue.Reason{
		queue.WrongToken, queue.WrongCertificate, queue.WrongVersion, queue.NotAdmitted, queue.Taken, queue.BadAddress, queue.Replaced, queue.NoJetStream, queue.Limits, queue.Denied,
	} {
		if queue.Is(err, reason) {
			return exitcode.With(exitcode.Usage, err)
		}
	}
	return err
}

// Run implements backbones.Backbone: it lends items to nodes, one of which is this process.
func (l *lent) Run(ctx context.Context, src backbones.Source, sink backbones.Sink) error {
	defer l.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var own sync.WaitGroup
	if !l.e.spec.Idle {
		own.Go(func() { l.work(ctx) })
	}
	own.Go(func() { l.watch(ctx, cancel) })
	err := l.Coordinator.Run(ctx, src, sink)
	if l.Settled() {
		l.e.coordinator.Settle()
	}
	l.noteNodes()
	if errors.Is(context.Cause(ctx), errTakenOver) {
		err = errTakenOver
	}
	cancel(nil)
	own.Wait()
	if !errors.Is(err, errTakenOver) && !errors.Is(err, lease.ErrReplaced) {
		l.endFleet()
	}
	return err
}

// endFleet has the staging folders of lost nodes removed, on whatever machines they were, if no node is left.
func (l *lent) endFleet() {
	left := func(n backbones.NodeFigures) bool { return !n.Gone }
	if l.place.staging != nil && !slices.ContainsFunc(l.Status().Nodes, left) {
		l.place.staging.EndFleet()
	}
}

// noteEvery is how often the nodes' figures are written to the ledger, in case the coordinator dies.
const noteEvery = 10 * time.Second

// watch records the run's nodes, and ends the run when another process coordinates it.
func (l *lent) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(noteEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.noteNodes()
		case <-l.e.coordinator.Lost():
			cancel(errTakenOver)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *lent) noteNodes() {
	figures := l.Status().Nodes
	nodes := make([]ledger.Node, len(figures))
	for i, f := range figures {
		nodes[i] = ledger.Node{
			Name: f.Name, Host: f.Host, Workers: f.Workers, Done: f.Done, Skipped: f.Skipped, Failed: f.Failed, WorkSeconds: f.Work.Seconds(), Joined: f.Since.UTC(),
		}
		switch {
		case f.Quarantined != "":
			nodes[i].Ended = "it got no more: " + f.Quarantined
		case f.Lost:
			nodes[i].Ended = "lost"
		case f.Gone:
			nodes[i].Ended = "left"
		}
	}
	if err := l.e.ledger.SetNodes(nodes); err != nil {
		l.e.Log.Debug("keeping the nodes' figures", "error", err)
	}
}

// work makes this process a node.
func (l *lent) work(ctx context.Context) {
	spec, policy := *l.e.spec, l.policy
	// The coordinator says it.
	policy.Stopping = func(backbones.Stop) {}
	err := runNode(ctx, node{
		place: l.place, spec: &spec, factory: l.e.Backbone(), policy: policy, join: l.dial, version: l.e.Version,
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, backbones.ErrDrained) {
		l.Coordinator.Fail(err)
	}
}

func (l *lent) close() {
	if l.queue != nil {
		l.queue.Close()
		l.queue = nil
	}
	if l.server != nil {
		l.server.Close()
		l.server = nil
	}
	if l.program != nil {
		_ = l.program.Close()
		l.program = nil
	}
}
