package cli

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/launch"
)

// The flags of launch that one way to start nodes has. Those in ofNode are passed on to the nodes.
var (
	ofSlurm = []string{"keep", "drain-before", "detach"}
	ofK8s   = []string{"image", "mount", "cpu", "memory", "namespace", "kueue", "address", "apply"}
	ofNode  = []string{
		"plugin", "idle-exit", "reconnect", "python", "start-timeout", "open-timeout", "grace", "close-timeout", "stall-after", "env", "clean-env",
		"plugin-sha256", "locked", "mtls", "nats-creds", "tls-ca", "verbose", "quiet",
	}
)

// launch is `launch slurm|k8s|ssh`: it starts nodes of a run elsewhere.
func (a *app) launch(ctx context.Context) error {
	f := &a.grammar.Launch
	if given := a.line.Given(ofCoordinator...); len(given) > 0 {
		return exitcode.Usagef("%s: the run's coordinator says that for all machines; hint: leave it out here", strings.Join(given, ", "))
	}
	words, where := a.line.TakeLiteral(), a.line.TakeWord()
	var hosts []string
	for where == "ssh" && !a.line.Empty() {
		h := a.line.TakeWord()
		if h == "" {
			break
		}
		hosts = append(hosts, h)
	}
	if !a.line.Empty() {
		return exitcode.Usagef("unexpected argument %s; hint: words for sbatch, kubectl or ssh stand behind --; kagurazaka launch -h shows the flags", a.line.First())
	}
	if f.Explain && f.DryRun {
		return exitcode.Usagef("--explain, --dry-run: must not be given together; hint: --dry-run prints what would be started, --explain asks whether it can be")
	}
	var none []string
	switch where {
	case "slurm":
		none = ofK8s
	case "k8s":
		none = ofSlurm
	case "ssh":
		none = slices.Concat(ofSlurm, ofK8s, []string{"nodes", "gpus"})
	default:
		return exitcode.Usagef("%s: must be launch slurm, launch k8s or launch ssh HOST…", strings.TrimSpace("launch "+where))
	}
	if err := a.refuse("launch "+where, none...); err != nil {
		return err
	}
	if f.IdleExit > 0 && f.Keep > 0 {
		return exitcode.Usagef("--idle-exit, --keep: must not be given together: nodes that leave would be replaced at once")
	}
	run, err := launch.Open(a.grammar.RunDir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	node := launch.Node{Program: cmp.Or(f.RemotePath, self), Flags: a.line.Texts(ofNode...)}
	for _, v := range a.line.BackboneFlags() {
		node.Flags = append(node.Flags, strings.TrimSuffix("--"+v.Name+"="+v.Value, "="))
	}
	var l launch.Launcher
	switch where {
	case "slurm":
		l = &launch.Slurm{
			Run: run, Node: node, Log: a.log, Nodes: f.Nodes, Keep: f.Keep, GPUs: f.GPUs, DrainBefore: f.DrainBefore, Detach: f.Detach, Args: words,
		}
	case "k8s":
		node.Program = cmp.Or(f.RemotePath, "kagurazaka")
		l = &launch.K8s{
			Run: run, Node: node, Nodes: f.Nodes, GPUs: f.GPUs, CPUs: f.CPU, Memory: f.Memory, Image: f.Image, URL: f.Address,
			Namespace: f.Namespace, Queue: f.Kueue, Mounts: f.Mount, Apply: f.Apply, Args: words, Out: a.streams.Out,
		}
	case "ssh":
		l = &launch.SSH{Run: run, Node: node, Log: a.log, Hosts: hosts, Args: words}
	}
	switch {
	case f.DryRun:
		return l.Print(a.streams.Out)
	case f.Explain:
		return l.Explain(ctx, a.streams.Out)
	}
	close(a.working)
	return l.Start(ctx, a.drain)
}
