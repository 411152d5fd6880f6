package job

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/queue"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// NetFlags are about a run that several machines do.
type NetFlags struct {
	Listen    string `name:"listen" placeholder:"[=ADDR]" help:"Let other machines work on the run, too: kagurazaka work joins it, with the address and the token file that the run names. ADDR is HOST:PORT, HOST or :PORT, written with =; without it 127.0.0.1 and a free port. Outputs are staged."`
	NATS      string `name:"nats" placeholder:"URL" help:"Let other machines work on the run by way of a team's own nats-server with JetStream, instead of --listen."`
	NATSCreds string `name:"nats-creds" placeholder:"FILE" help:"A credentials file for the team's server, or a file with one line USER:PASSWORD."`
	TLSCA     string `name:"tls-ca" placeholder:"FILE" help:"The certificates, as PEM, of the authorities that sign the server's."`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"The certificate for --listen, as PEM, instead of one that the run makes; with --tls-key."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"The key of --tls-cert, as PEM."`
}

// ListenHere is --listen without an address.
const ListenHere = "127.0.0.1:0"

// Lends reports whether the run's items are lent to nodes.
func (f *NetFlags) Lends() bool { return f.Listen != "" || f.NATS != "" }

// lending is the flag that lends the items.
func (f *NetFlags) lending() string {
	if f.Listen != "" {
		return "--listen"
	}
	return "--nats"
}

// Public returns words of the command line as they may be written and shown: without user and password of a team's server.
func (f *NetFlags) Public(words []string) []string {
	url, secret := queue.Public(f.NATS)
	if !secret {
		return words
	}
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = strings.ReplaceAll(w, f.NATS, url)
	}
	return all
}

// check returns the problems of the flags.
func (f *NetFlags) check() (wrong []problem.Problem) {
	say := func(where, message, hint string) {
		wrong = append(wrong, problem.Problem{Source: where, Message: message, Suggestion: hint})
	}
	if f.Listen != "" && f.NATS != "" {
		say("--listen", "does not go together with --nats: the team's server takes the place of the run's own", "leave one of them out")
	}
	if f.Listen != "" {
		if _, err := f.address(); err != nil {
			say("--listen "+terminal.Quote(f.Listen), err.Error(), "")
		} else if _, err := strconv.ParseUint(f.Listen, 10, 16); err == nil {
			say("--listen "+f.Listen, "a port has a colon before it", "write --listen=:"+f.Listen)
		}
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		given, other := "--tls-cert", "--tls-key"
		if f.TLSCert == "" {
			given, other = other, given
		}
		say(given, "it needs "+other+", too", "give both")
	}
	if f.TLSCert != "" && f.Listen == "" {
		say("--tls-cert", "it is for --listen alone", "leave it out")
	}
	if f.NATSCreds != "" && f.NATS == "" {
		say("--nats-creds", "it is for --nats alone", "leave it out")
	}
	if f.TLSCA != "" && f.NATS == "" && f.TLSCert == "" {
		say("--tls-ca", "it is for --nats, or beside --tls-cert", "leave it out")
	}
	return append(wrong, f.MissingFiles()...)
}

// MissingFiles are the problems of the files that the flags name.
func (f *NetFlags) MissingFiles() []problem.Problem {
	var given []source
	for _, s := range []source{
		{flag: "--nats-creds", path: f.NATSCreds}, {flag: "--tls-ca", path: f.TLSCA}, {flag: "--tls-cert", path: f.TLSCert}, {flag: "--tls-key", path: f.TLSKey},
	} {
		if s.path != "" {
			given = append(given, s)
		}
	}
	return missingFiles(given...)
}

// address is where to listen, as HOST:PORT.
func (f *NetFlags) address() (string, error) {
	text := f.Listen
	if !strings.Contains(text, ":") || strings.HasSuffix(text, "]") || net.ParseIP(text) != nil {
		text = net.JoinHostPort(strings.Trim(text, "[]"), "0")
	}
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("must be an address such as 127.0.0.1:0, :4222 or node1")
	}
	return net.JoinHostPort(host, port), nil
}

// lend prepares a spec whose items are lent to nodes. given are the flags of its backbone; it removes --num_process 0, by which this machine only
// coordinates.
func (s *Session) lend(r *Spec, given []Value) ([]Value, []problem.Problem) {
	f := s.Flags
	problems := f.NetFlags.check()
	if !f.Lends() {
		return given, problems
	}
	r.Lent, r.Replace = true, f.RetryFailed != "" || f.Once
	isWorkers := func(v Value) bool { return Canonical(v.Name) == "num-process" }
	var workers string
	for _, v := range given {
		if isWorkers(v) {
			// The last one counts.
			workers = v.Value
		}
	}
	if r.Idle = workers == "0"; r.Idle {
		given = slices.DeleteFunc(slices.Clone(given), isWorkers)
	} else if workers != "" && !Backbone(r.Backbone, nil).Declares("num_process") {
		problems = append(problems, problem.Problem{
			Source:     "--num_process " + workers,
			Message:    "it is a flag for tasks that are not device tasks; for others, 0 says that this machine only coordinates",
			Suggestion: "leave it out",
		})
	}
	say := func(hint, message string) {
		problems = append(problems, problem.Problem{Source: f.lending(), Message: message, Suggestion: hint})
	}
	if f.NoLedger && f.Mode == "" {
		say("leave --no-ledger out", "the run's folder has what other machines need to join, so it does not go together with --no-ledger")
	}
	if f.Mode != "" {
		say("debug it on one machine", "a run that is debugged does one item at a time in one worker")
	}
	if !slices.Contains(Backbone(r.Backbone, nil).Accepts, backbones.JSONLines) {
		say("", "--backbone "+r.Backbone+" cannot take items from another machine")
	}
	return given, problems
}

// lendable returns why the task's items cannot be lent to nodes; nil: they can.
func (s *Session) lendable(r *Spec) []problem.Problem {
	if !r.Lent {
		return nil
	}
	say := func(message, hint string) []problem.Problem {
		return []problem.Problem{{Source: s.Flags.lending(), Message: message, Suggestion: hint}}
	}
	t := r.compiled()
	writes := t != nil && (t.Output != nil || slices.Contains(t.Custom, "output_mode"))
	typed := s.Flags.Outputs == staged
	name := s.Task.Name
	switch {
	case r.makesBatches():
		return say(name+" makes its batches itself, and each machine would make others", "run it on one machine")
	case s.Flags.Outputs == direct:
		return say("two machines may do an item at once, so that outputs are written aside and renamed into place by one of them; --outputs direct writes them in place", "leave --outputs out")
	case typed || !writes:
		return nil
	case s.Task.Has(wantsDirect):
		return say(name+` says that its outputs are written in place (outputs="direct"), and two machines may do an item at once`,
			"--outputs staged, if the task works with files that are written aside and renamed into place")
	case s.Task.Has(isExecuted):
		return say(name+" decides itself which items are finished (is_executed), and may look for files that are still aside",
			"--outputs staged, if it looks only at final outputs")
	}
	return nil
}

// Capabilities of tasks.
const (
	// wantsDirect: the author asks for direct outputs, which are the default in Python.
	wantsDirect = "wants_direct"
	isExecuted  = "is_executed"
)

// tellLent logs at the beginning of a run with nodes how it differs from a run without.
func (s *Session) tellLent(r *Spec) {
	t := r.compiled()
	switch {
	case t == nil:
	case slices.Contains(t.Custom, "output_mode"):
		s.Log.Info("the task's own output_mode gives the paths of outputs, which the host does not know: an item that two machines do is written twice")
	case t.Output != nil && s.Task.Has(isExecuted):
		s.Log.Info("outputs are staged in a run of several machines; the task decides itself what is finished, so an item that two machines do is renamed into place twice")
	case t.Output != nil && s.Flags.Outputs != staged && s.Task.Has(direct):
		s.Log.Info("outputs are staged in a run of several machines: written aside, and renamed into place once the item is done")
	}
	if s.Task.Has("list") && (t == nil || t.Input == nil) && r.Task.Kind != schema.Device {
		s.Log.Info("items travel to the machines as they are listed, and each machine constructs the task itself: attributes that listing sets on self do not travel")
	}
}
