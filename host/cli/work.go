package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/launch"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// ofCoordinator are flags of a run that its coordinator alone takes.
var ofCoordinator = []string{
	"backbone", "cfg", "mixin-cfg", "mixin", "outputs", "max-failures", "retries", "retry-delay", "item-timeout", "worker-max-items", "worker-max-rss", "input", "output", "include", "exclude", "limit", "item", "files-from", "null", "manifest",
	"shard", "no-ledger", "resume", "retry-failed", "listen", "nats", "tls-cert", "tls-key", "debug", "outputs-outside", "list-outputs", "bad-lines",
}

// ignoresVariable reports whether a variable for a flag has no effect on a command: the coordinator decides for its nodes, and each machine
// that is launched has an environment of its own.
func ignoresVariable(command, flag string) bool {
	return takesNodes(command) && slices.Contains(ofCoordinator, flag) || command == "launch" && flag != "verbose" && flag != "quiet"
}

// work is `work URL|--run-dir DIR`: it makes this machine a node of a run.
func (a *app) work(ctx context.Context) error {
	f := &a.grammar.Work
	if given := a.line.Given(ofCoordinator...); len(given) > 0 {
		return exitcode.Usagef("%s: the run's coordinator says that for all machines; hint: leave it out here", strings.Join(given, ", "))
	}
	var urls []string
	for word := a.line.TakeWord(); word != ""; word = a.line.TakeWord() {
		urls = append(urls, strings.Split(word, ",")...)
	}
	if !a.line.Empty() {
		return a.line.Unexpected("work takes URL, or --run-dir DIR; kagurazaka work -h shows its flags")
	}
	if err := a.checkNode(f.IdleExit, f.Reconnect, &f.Accept); err != nil {
		return err
	}
	missing := slices.Concat(job.MissingFile("--token-file", f.TokenFile), a.grammar.MissingFiles())
	if err := problem.Err(a.line.AsTyped(missing)); err != nil {
		return err
	}
	options := job.WorkOptions{
		URLs: urls, RunDir: a.grammar.RunDir, TokenFile: f.TokenFile, Token: a.token, Name: f.Name, Plugin: f.Plugin, Accept: f.Accept, IdleExit: f.IdleExit,
		Reconnect: f.Reconnect, Backbone: a.line.BackboneFlags(), Drain: a.drain, Begins: func() { close(a.working) },
	}
	if f.Lifeline {
		if given := a.line.Given("run-dir", "token-file"); len(given) > 0 || len(urls) > 0 {
			return exitcode.Usagef("--lifeline: must not be given together with URL, --run-dir or --token-file: standard input says how to join; hint: it is for kagurazaka launch ssh")
		}
		join, life, drain, stop, err := launch.Lifeline(ctx, a.drain, os.Stdin)
		if err != nil {
			return err
		}
		defer stop()
		ctx, options.URLs, options.Token, options.Drain, options.Waits = life, []string{join.URL}, join.Secret, drain, true
		options.Begins = func() {
			close(a.working)
			if err := launch.Joined(a.streams.Out); err != nil {
				a.log.Debug("the launcher was not told that the node has joined", "error", err)
			}
		}
	}
	a.program.Warm = &job.Warm{Log: a.log}
	defer a.program.Warm.Close()
	defer keepPipes()()
	return launch.Marked(f.Mark, func() error { return a.program.Work(ctx, options) })
}

// checkNode returns what is wrong with the flags of a node, before anything is started.
func (a *app) checkNode(idleExit, reconnect time.Duration, accept *string) error {
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"idle-exit", idleExit}, {"reconnect", reconnect}} {
		if d.value < 0 {
			return exitcode.Usagef("--%s %v: must be a time such as 30s or 5m", d.flag, d.value)
		}
	}
	if given := a.line.Given("accept-plugin"); len(given) > 0 {
		if err := a.accepts(accept); err != nil {
			return err
		}
	}
	return job.CheckBackbone(a.line.BackboneFlags(), "")
}

// accepts checks --accept-plugin, and writes its hash as the run does.
func (a *app) accepts(hash *string) (err error) {
	if *hash, err = trust.ParseSum(*hash); err != nil {
		return exitcode.Usagef("--accept-plugin: %s; hint: the coordinator's machine shows it: sha256sum FILE", err)
	}
	if a.program.Flags.Locked {
		return exitcode.Usagef("--locked, --accept-plugin: must not be given together: a plugin that is fetched is in no plugins.lock; hint: leave --locked out, since the hash is checked")
	}
	return nil
}
