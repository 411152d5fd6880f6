package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/launch"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// ofNode are the flags of launch and of all commands that are passed on to the nodes.
var ofNode = []string{
	"plugin", "accept-plugin", "idle-exit", "reconnect", "python", "start-timeout", "open-timeout", "grace", "close-timeout", "stall-after", "env", "clean-env",
	"plugin-sha256", "locked", "mtls", "nats-creds", "tls-ca", "verbose", "quiet",
}

// way is a way to start nodes.
type way struct {
	// own are the flags that it alone has, lacks the others that it has no use for.
	own, lacks []string
	// about are its own texts of flags, for its -h.
	about map[string]string
}

var waysInOrder = []string{"slurm", "k8s", "ssh"}

var ways = map[string]way{
	"slurm": {
		own: []string{"keep", "drain-before", "detach"},
		about: map[string]string{
			"explain":     "Say what would be started, and ask Slurm whether it can be. Starts nothing.",
			"remote-path": "Where the nodes' machines have kagurazaka; without it the path that it has here.",
		},
	},
	"k8s": {
		own: []string{"image", "mount", "cpu", "memory", "namespace", "kueue", "address", "apply"},
		about: map[string]string{
			"explain":     "Say what would be started, and ask Kubernetes whether it can be. Starts nothing.",
			"remote-path": "Where the image has kagurazaka; without it on its PATH.",
			"plugin":      "Where the image has the run's plugin, as for kagurazaka work.",
		},
	},
	"ssh": {
		lacks: []string{"nodes", "gpus"},
		about: map[string]string{
			"explain":     "Say what would be started, and ask the hosts whether it can be. Starts nothing.",
			"remote-path": "Where the hosts have kagurazaka; without it the path that it has here.",
			"plugin":      "Where the hosts have the run's plugin, as for kagurazaka work. A relative path starts from the user's home there.",
		},
	},
}

// without are the flags of launch that a way has no use for.
func without(where string) []string {
	none := slices.Clone(ways[where].lacks)
	for name, w := range ways {
		if name != where {
			none = append(none, w.own...)
		}
	}
	return none
}

// arguments are the flags of launch that the way has, with its own texts.
func (w way) arguments(where string, all []schema.Argument) (own []schema.Argument) {
	none := without(where)
	for _, a := range all {
		if slices.Contains(none, a.Name) {
			continue
		}
		// Which ways have a flag stands before its text.
		if of, text, ok := strings.Cut(a.Help, ": "); ok && slices.Contains(strings.Split(of, ", "), where) {
			a.Help = strings.ToUpper(text[:1]) + text[1:]
		}
		a.Help = cmp.Or(w.about[a.Name], a.Help)
		own = append(own, a)
	}
	return own
}

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
		return a.line.Unexpected(fmt.Sprintf("words for sbatch, kubectl or ssh stand behind --; kagurazaka %s -h shows the flags", strings.TrimSpace("launch "+where)))
	}
	if f.Explain && a.grammar.DryRun {
		return exitcode.Usagef("--explain, --dry-run: must not be given together; hint: --dry-run prints what would be started, --explain asks whether it can be")
	}
	if _, known := ways[where]; !known {
		if meant := suggest.OneTypo(where, slices.Sorted(maps.Keys(ways))); meant != "" {
			return exitcode.Usagef("launch %s: must be launch slurm, launch k8s or launch ssh HOST…; hint: did you mean launch %s?", terminal.Quote(where), meant)
		}
		return exitcode.Usagef("%s: must be launch slurm, launch k8s or launch ssh HOST…; hint: kagurazaka launch -h shows them", strings.TrimSpace("launch "+where))
	}
	if err := a.refuse("it is not a flag of launch "+where, without(where)...); err != nil {
		return err
	}
	if f.IdleExit > 0 && f.Keep > 0 {
		return exitcode.Usagef("--idle-exit, --keep: must not be given together: nodes that leave would be replaced at once; hint: leave one of them out")
	}
	if err := a.checkNode(f.IdleExit, f.Reconnect, &f.Accept); err != nil {
		return err
	}
	run, err := launch.Open(a.grammar.RunDir)
	if err != nil {
		return err
	}
	if err := job.CheckBackbone(a.line.BackboneFlags(), run.Backbone); err != nil {
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
			Run: run, Node: node, Log: a.log, Nodes: f.Nodes, GPUs: f.GPUs, CPUs: f.CPU, Memory: f.Memory, Image: f.Image, URL: f.Address,
			Namespace: f.Namespace, Queue: f.Kueue, Mounts: f.Mount, Apply: f.Apply, Args: words, Out: a.streams.Out,
		}
	case "ssh":
		l = &launch.SSH{Run: run, Node: node, Log: a.log, Hosts: hosts, Args: words}
	}
	switch {
	case a.grammar.DryRun:
		return l.Print(a.streams.Out)
	case f.Explain:
		return l.Explain(ctx, a.streams.Out)
	}
	close(a.working)
	return l.Start(ctx, a.drain)
}
