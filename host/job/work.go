package job

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/fleet"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/queue"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// WorkOptions are how a machine joins a run.
type WorkOptions struct {
	// URLs are those of the coordinator or the team's server; none: RunDir has them.
	URLs   []string
	RunDir string
	// TokenFile has the run's token; empty: Token is the token, or RunDir has it.
	TokenFile, Token string
	// Waits: the coordinator may be about to be started again, as with RunDir.
	Waits bool
	// Name is the node's name; empty: the machine's.
	Name string
	// Plugin is where this machine has the run's plugin; empty: where the coordinator has it, or where a plugins.lock says.
	Plugin string
	// Accept is the hash that the run's plugin must have for this machine to take it from the coordinator; empty: nothing is taken.
	Accept              string
	IdleExit, Reconnect time.Duration
	// Backbone are this machine's flags of the backbone.
	Backbone []Value
	// Drain is closed to begin nothing more. Begins is called before the first item.
	Drain  <-chan struct{}
	Begins func()
}

// Work does items of a run until it ends, or this machine leaves it.
func (p *Program) Work(ctx context.Context, o WorkOptions) (err error) {
	given, problems := readBackbone(o.Backbone)
	if err := problem.Err(problems); err != nil {
		return err
	}
	join, err := p.joinAs(&o)
	if err != nil && !queue.Is(err, queue.Ended) {
		return exitcode.With(exitcode.Usage, err)
	}
	// What is known before the run is: the coordinator hears the number in the end.
	join.Hello.Workers = (&Spec{Flags: given}).number("num_process", defaultWorkers())
	var session *queue.Session
	if err == nil {
		session, err = p.dial(ctx, o, join)
	}
	switch {
	case queue.Is(err, queue.Ended):
		p.Log.Info("there is nothing to do: " + err.Error())
		return nil
	case err != nil:
		return usage(err)
	}
	opening, stop := context.WithCancel(ctx)
	defer stop()
	late := leaveAtEnd(opening, session, stop)
	n, err := p.newNode(opening, o, session, given)
	if late() {
		p.Log.Info("the run has ended before this machine had anything to do")
		return n.place.closeIfMade(ctx)
	}
	if err != nil {
		last := lease.Farewell{}
		if ctx.Err() == nil && !backbones.IsClosed(o.Drain) {
			last.Refused = err.Error()
		}
		_ = session.Leave(ctx, last)
		return errors.Join(err, n.place.closeIfMade(ctx))
	}
	defer func() { err = also(err, n.place.Close(ctx)) }()
	o.Begins()
	p.Log.Info("working on a run", "task", n.spec.Task.Name, "of", n.spec.Plugin.Name, "as", session.Name(), "workers", n.spec.Workers)
	return p.pull(ctx, n, session, o)
}

// leaveAtEnd leaves the run if it ends before this machine is ready, and stops what that does. The function returned ends the watch; true: the machine
// has left.
func leaveAtEnd(ctx context.Context, session *queue.Session, stop func()) func() bool {
	watching, cancel := context.WithCancel(ctx)
	left := make(chan bool, 1)
	go func() {
		for _, changed := session.Connected(); !session.Ended(); _, changed = session.Connected() {
			select {
			case <-changed:
			case <-watching.Done():
				left <- false
				return
			}
		}
		stop()
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), silentAfter)
		defer cancel()
		_ = session.Leave(leaving, lease.Farewell{})
		left <- true
	}()
	return func() bool {
		cancel()
		return <-left
	}
}

// joinAs returns how to join the run. It makes the options' paths absolute, because the working folder becomes the run's.
func (p *Program) joinAs(o *WorkOptions) (queue.Join, error) {
	join := queue.Join{Hello: hello(o.Name, p.Version, 0), Reconnect: o.Reconnect}
	for _, path := range []*string{&o.RunDir, &o.TokenFile, &p.Flags.NATSCreds, &p.Flags.TLSCA} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return join, err
		}
	}
	if o.Plugin != "" && strings.ContainsRune(o.Plugin, filepath.Separator) || strings.HasSuffix(o.Plugin, ".py") {
		var err error
		if o.Plugin, err = filepath.Abs(o.Plugin); err != nil {
			return join, err
		}
	}
	if len(o.URLs) == 0 && o.RunDir == "" {
		return join, errors.New("URL: is missing; hint: write kagurazaka work URL --token-file PATH, as the run with --listen prints it, or --run-dir DIR with the run's folder")
	}
	var urls []string
	inURL, password := false, false
	for _, text := range o.URLs {
		url, token, err := queue.ParseURL(text)
		if err != nil {
			return join, err
		}
		_, secret := queue.Public(url)
		password = password || secret
		if token != "" {
			inURL = true
			p.Log.Warn("the token is in the URL: everybody on this machine sees command lines; --token-file and KAGURAZAKA_TOKEN keep it secret")
			o.Token, o.TokenFile = token, ""
		}
		urls = append(urls, url)
	}
	if password {
		p.Log.Warn(passwordInURL)
	}
	if o.TokenFile == "" && o.RunDir != "" && !inURL {
		p.takeTokenOf(o)
	}
	if o.TokenFile == "" && o.Token == "" {
		return join, errors.New("--token-file: the run's token is missing; hint: give --token-file PATH, as the run with --listen prints it, or set KAGURAZAKA_TOKEN")
	}
	if o.TokenFile != "" && fleet.OthersRead(o.TokenFile) {
		p.Log.Warn("other users can read the token file, and with the token they can join the run; hint: chmod 600 " + o.TokenFile)
	}
	join.Addresses = func() ([]queue.Address, error) { return p.addresses(o, urls) }
	_, err := join.Addresses()
	if queue.Is(err, queue.NoRun) {
		err = nil // it is about to be there
	}
	return join, err
}

// takeTokenOf takes the token in the folder of --run-dir, unless this user cannot read it and has it in the variable.
func (p *Program) takeTokenOf(o *WorkOptions) {
	file := fleet.TokenFile(o.RunDir)
	text, err := fleet.ReadToken(file)
	if err != nil && o.Token != "" {
		return
	}
	if o.TokenFile = file; err == nil && o.Token != "" && o.Token != text {
		p.Log.Info("KAGURAZAKA_TOKEN is not used: the folder of --run-dir has the run's token")
	}
}

// addresses are where the coordinator may be now, also after a start elsewhere.
func (p *Program) addresses(o *WorkOptions, urls []string) ([]queue.Address, error) {
	urls = slices.Clone(urls)
	if o.RunDir != "" {
		contact, err := fleet.Find(o.RunDir)
		switch {
		case errors.Is(err, fleet.ErrStarting) && len(urls) == 0:
			return nil, &queue.Refused{Reason: queue.NoRun, Text: err.Error()}
		case err != nil && len(urls) == 0:
			return nil, err
		case err == nil && contact.Ended:
			return nil, &queue.Refused{Reason: queue.Ended, Text: "the run in " + o.RunDir + " has ended" + unused(urls)}
		case err == nil:
			urls = together(contact, urls)
		}
	}
	text := o.Token
	if o.TokenFile != "" {
		var err error
		if text, err = fleet.ReadToken(o.TokenFile); err != nil {
			return nil, fmt.Errorf("reading the run's token: %w", err)
		}
	}
	secret, err := queue.ParseSecret(text)
	if err != nil {
		where := "KAGURAZAKA_TOKEN"
		if o.TokenFile != "" {
			where = o.TokenFile
		}
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	var all []queue.Address
	for _, url := range urls {
		all = append(all, queue.Address{URL: url, Secret: secret, Credentials: p.Flags.NATSCreds, Authorities: p.Flags.TLSCA})
	}
	return all, nil
}

// unused says that URLs are not used.
func unused(urls []string) string {
	if len(urls) == 0 {
		return ""
	}
	all := make([]string, len(urls))
	for i, u := range urls {
		all[i], _ = queue.Public(u)
	}
	return ", so " + strings.Join(all, ", ") + " is not tried; hint: leave --run-dir out to join another run"
}

// together are the coordinator's URLs, with the first user that this machine was given for a team's server, and those that it was given.
func together(c fleet.Contact, given []string) (all []string) {
	var user *url.Userinfo
	for _, text := range given {
		if u, err := url.Parse(text); err == nil && u.User != nil && user == nil {
			user = u.User
		}
	}
	for _, text := range c.URLs {
		if u, err := url.Parse(text); err == nil && c.Named && user != nil {
			u.User = user
			text = u.String()
		}
		if !slices.Contains(given, text) {
			all = append(all, text)
		}
	}
	return append(all, given...)
}

// dial joins the run. The coordinator of a run's folder, or at the end of a launcher's tunnel, may be about to be started again.
func (p *Program) dial(ctx context.Context, o WorkOptions, join queue.Join) (*queue.Session, error) {
	began := time.Now()
	until := began.Add(o.Reconnect)
	for told := false; ; {
		session, err := queue.Dial(ctx, join)
		missed := queue.Is(err, queue.Unreachable) || queue.Is(err, queue.Silent) || queue.Is(err, queue.NoRun)
		if o.RunDir == "" && !o.Waits || !missed || time.Now().After(until) {
			return session, err
		}
		// A run that is about to end says so in its folder within a moment.
		if !told && time.Since(began) >= silentAfter {
			told = true
			p.Log.Warn("the run's coordinator does not answer: waiting until it is started again", "at most", o.Reconnect, "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-o.Drain:
			return nil, exitcode.With(exitcode.Interrupted, errors.New("interrupted before the run's coordinator answered"))
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// newNode makes this machine a node of the run that a session has joined. The place of the node is closed by the caller, also after an error.
func (p *Program) newNode(ctx context.Context, o WorkOptions, session *queue.Session, given map[string]string) (n node, err error) {
	w, err := readWelcome(session.Welcome())
	if err != nil {
		return n, err
	}
	if w.Version != p.Version {
		return n, exitcode.Usagef("the run's coordinator is kagurazaka %s, and this is %s: both must be of the same version", w.Version, p.Version)
	}
	work := w.Folders.Work
	if err := os.Chdir(work); err != nil {
		return n, exitcode.Usagef("this machine does not have the run's working folder: %w; hint: start the run in a folder that all machines have", err)
	}
	if err := w.Folders.check(ctx); err != nil {
		return n, err
	}
	s, err := p.nodePlugin(ctx, o, session, w)
	if err != nil {
		return n, err
	}
	spec := w.Spec
	if spec.Flags == nil {
		spec.Flags = map[string]string{}
	}
	if given, err = Backbone(spec.Backbone, nil).taken(o.Backbone, given); err != nil {
		return n, err
	}
	for name, value := range given {
		spec.Flags[name] = value
	}
	spec.Plugin.Path, spec.Plugin.Command = s.Found.Path, s.Found.Command
	spec.Plugin.StartTimeout, spec.Plugin.OpenTimeout = max(spec.Plugin.StartTimeout, p.Flags.StartTimeout), max(spec.Plugin.OpenTimeout, p.Flags.OpenTimeout)
	factory := Backbone(spec.Backbone, nil)
	if factory.Complete != nil {
		if err := factory.Complete(spec, p.Log); err != nil {
			return n, exitcode.With(exitcode.Usage, err)
		}
	}
	dir, err := p.Warm.RuntimeDir()
	if err != nil {
		return n, err
	}
	host, _ := os.Hostname()
	owner := outputs.Owner{Host: host, PID: os.Getpid(), Since: time.Now().UTC(), Fleet: w.Fleet}
	place, err := NewPlace(ctx, spec, PlaceOptions{
		Log: p.Log, RuntimeDir: dir, Warm: p.Warm, Node: true, Drain: o.Drain, Owner: owner, Stderr: p.Stderr,
		Shared: func(other outputs.Owner, meaning string) {
			p.Log.Warn("another run is at work on the same outputs: "+meaning, "host", other.Host, "process", other.PID, "run", other.Run)
		},
	})
	place.listed = true
	if err == nil && place.staging != nil {
		// What it cannot write it had better not begin.
		if _, err := place.staging.Own(); err != nil {
			return node{place: place}, exitcode.Usagef("this machine cannot write to the run's output folder: %w", err)
		}
	}
	return node{place: place, spec: spec, factory: factory, policy: w.policy(p, o.Drain), version: p.Version, welcome: w}, err
}

// closeIfMade closes a place that may not have been made.
func (p *Place) closeIfMade(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.Close(ctx)
}

// nodePlugin finds the run's plugin on this machine. Only one of the same hash will do.
func (p *Program) nodePlugin(ctx context.Context, o WorkOptions, session *queue.Session, w *welcome) (*Session, error) {
	p.Flags.Env, p.Flags.CleanEnv = append(slices.Clone(w.Env), p.Flags.Env...), p.Flags.CleanEnv || w.CleanEnv
	var tried []string
	for _, arg := range p.candidates(o, w) {
		s, why, err := p.same(arg, w)
		if s != nil || err != nil {
			return s, err
		}
		tried = append(tried, arg+": "+why)
	}
	if o.Accept == "" {
		return nil, exitcode.Usagef("this machine does not have the run's plugin %s, whose hash is %s; hint: %s\n  tried: %s",
			w.Spec.Plugin.Name, w.Sum, w.getPlugin(), strings.Join(tried, "\n  tried: "))
	}
	path, err := p.accepted(ctx, o, session, w)
	if err != nil {
		return nil, err
	}
	s, why, err := p.same(path, w)
	if s == nil && err == nil {
		err = exitcode.Usagef("the run's plugin was fetched, and cannot be used: %s: %s", path, why)
	}
	return s, err
}

// same opens a plugin that has the hash of the run's; otherwise it says why there is none.
func (p *Program) same(arg string, w *welcome) (s *Session, why string, err error) {
	s, err = p.Open(arg, p.Flags.Python)
	missing := new(discover.NotFoundError)
	switch {
	case errors.As(err, &missing) && missing.Arg != "":
		return nil, missing.Why, nil
	case err != nil:
		return nil, "", err
	}
	hash, why := s.hashOr()
	if why == "" && hash.Sum != w.Sum {
		why = "it has the hash " + hash.Sum + " here"
	}
	if why != "" {
		return nil, why, nil
	}
	if differ := w.changed(); len(differ) > 0 {
		return nil, "", exitcode.Usagef("this machine has other versions of files that the run's plugin uses: %s; hint: make them the same as on the coordinator's machine", strings.Join(differ, ", "))
	}
	s.pin = &hash
	s.Equip()
	return s, "", nil
}

// hashOr is the plugin's hash, or why it cannot be had.
func (s *Session) hashOr() (trust.Hash, string) {
	hash, err := s.Found.Hash()
	if err != nil {
		return hash, err.Error()
	}
	return hash, ""
}

// candidates are where this machine may have the run's plugin.
func (p *Program) candidates(o WorkOptions, w *welcome) []string {
	if o.Plugin != "" {
		return []string{o.Plugin}
	}
	all := []string{w.Spec.Plugin.Path}
	if !strings.ContainsRune(w.Argument, filepath.Separator) && discover.Exists(w.Argument) {
		all = append(all, w.Argument)
	}
	locks, _ := p.Locks()
	for _, l := range locks {
		for _, entry := range l.Entries {
			if !slices.Contains(entry.Sums, w.Sum) {
				continue
			}
			arg := entry.Key
			if strings.ContainsRune(arg, filepath.Separator) {
				arg = absolute(filepath.Dir(l.Path), arg)
			}
			all = append(all, arg)
		}
	}
	return all
}

// tally counts a node's outcomes.
type tally struct{ done, skipped, failed atomic.Int64 }

func (t *tally) add(o *backbones.Outcomes) {
	count := func(spans []backbones.Span) (n int64) {
		for _, s := range spans {
			n += int64(s.Count)
		}
		return n
	}
	t.done.Add(count(o.Done))
	t.skipped.Add(count(o.Skipped))
	t.failed.Add(int64(len(o.Failed)))
}

// pull works on the run, and logs how that ended.
func (p *Program) pull(ctx context.Context, n node, session *queue.Session, o WorkOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go n.watch(ctx, session, o.Reconnect, cancel)
	var t tally
	err := n.pull(ctx, session, lease.PullerOptions{
		IdleExit: o.IdleExit,
		Close:    n.place.closeTask,
		Settle: func(ctx context.Context, outcomes backbones.Outcomes, grant func(context.Context, []backbones.Span) (lease.Granted, error)) (backbones.Outcomes, error) {
			outcomes, err := n.place.settle(ctx, outcomes, grant)
			if err == nil {
				t.add(&outcomes)
			}
			return outcomes, err
		},
	})
	if other := new(anotherRunError); errors.As(context.Cause(ctx), &other) {
		err = other
	}
	var closing *backbones.CloseError
	errors.As(err, &closing)
	figures := []any{"done", t.done.Load(), "skipped", t.skipped.Load(), "failed", t.failed.Load()}
	switch {
	case closing != nil && !backbones.IsClosed(o.Drain):
		// The coordinator has been told as well.
		p.Log.Info("left the run", figures...)
		return closing
	case err == nil && !session.Ended():
		// It had nothing to do for --idle-exit.
		p.Log.Info("left the run, which continues without this machine", figures...)
		return nil
	case err == nil, queue.Is(err, queue.Ended):
		p.Log.Info("the run needs this machine no more", figures...)
		return nil
	case errors.Is(err, backbones.ErrDrained) && !backbones.IsClosed(o.Drain):
		p.Log.Info("the run was stopped at its coordinator", figures...)
		return nil
	case errors.Is(err, backbones.ErrDrained), ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)):
		p.Log.Info("left the run", figures...)
		err := errors.New("interrupted: what was not begun goes to the run's other machines")
		if closing != nil {
			err = errors.Join(err, closing)
		}
		return exitcode.With(exitcode.Interrupted, err)
	}
	p.Log.Info("left the run", figures...)
	return err
}

// anotherRunError ends a node whose coordinator was started again with another command.
type anotherRunError struct{}

func (*anotherRunError) Error() string {
	return "the coordinator was started again with another command, so that this machine left the run; hint: the same command joins it again"
}

// watch ends the node if a coordinator that was started again does something else.
func (n node) watch(ctx context.Context, session *queue.Session, reconnect time.Duration, cancel context.CancelCauseFunc) {
	generation := session.Generation()
	before, err := readWelcome(session.Welcome())
	if err != nil {
		return
	}
	var told bool
	var silent <-chan time.Time
	for {
		connected, changed := session.Connected()
		switch {
		case connected:
			if silent = nil; told {
				told = false
				n.place.Log.Info("the run's coordinator answers again")
			}
		case silent == nil:
			silent = time.After(silentAfter)
		}
		if now := session.Generation(); connected && now != generation {
			generation = now
			if later, err := readWelcome(session.Welcome()); err != nil || before.another(later) {
				cancel(&anotherRunError{})
				return
			}
			n.place.Log.Info("the run's coordinator was started again", "generation", terminal.Line(fmt.Sprint(generation), 20))
		}
		select {
		case <-changed:
		case <-silent:
			told = true
			n.place.Log.Warn("the run's coordinator does not answer: this machine finishes what it has, and looks for the coordinator", "at most", reconnect)
			silent = make(chan time.Time)
		case <-ctx.Done():
			return
		}
	}
}

// silentAfter is how long a node looks for its coordinator before it warns.
const silentAfter = 2 * time.Second
