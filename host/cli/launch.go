package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/launch"
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
	// usage and help are for its own -h, and about are its own texts of flags there.
	usage, help string
	about       map[string]string
}

var ways = map[string]way{
	"slurm": {
		own:   []string{"keep", "drain-before", "detach"},
		usage: "slurm [-N N] --run-dir DIR",
		help:  "Start nodes of a run as one array of jobs of Slurm, and replace those that end. The words behind -- are given to sbatch: -- --partition=gpu --time=12:00:00.",
		about: map[string]string{
			"explain":     "Say what would be started, and ask Slurm whether it can be. Starts nothing.",
			"remote-path": "Where the nodes' machines have kagurazaka; without it the path that it has here.",
		},
	},
	"k8s": {
		own:   []string{"image", "mount", "cpu", "memory", "namespace", "kueue", "address", "apply"},
		usage: "k8s [-N N] --image NAME --run-dir DIR",
		help:  "Print a manifest for Kubernetes: a Secret with the run's token, and an Indexed Job whose pods are nodes of the run. With --apply, hand it to kubectl, which is given the words behind --, too: -- --context=batch.",
		about: map[string]string{
			"explain":     "Say what would be started, and ask Kubernetes whether it can be. Starts nothing.",
			"remote-path": "Where the image has kagurazaka; without it on its PATH.",
			"plugin":      "Where the image has the run's plugin, as for kagurazaka work.",
		},
	},
	"ssh": {
		lacks: []string{"nodes", "gpus"},
		usage: "ssh HOST… --run-dir DIR",
		help:  "Start a node on each host. It reaches the run through the connection of ssh, and ends with that. The words behind -- are given to ssh: -- -p 2222.",
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

// launchHelp turns the help of launch into that of a way, where the line names one.
func (a *app) launchHelp(command *kong.Node) {
	command.Detail = "Flags of kagurazaka work are passed on to the nodes, such as --num_process, --device, --python, --env or --grace: kagurazaka work -h shows them."
	where := a.line.TakeWord()
	w, known := ways[where]
	if !known {
		return
	}
	command.Name, command.Help, command.Positional = "launch "+w.usage, w.help, nil
	none := without(where)
	var flags []*kong.Flag
	for _, f := range command.Flags {
		if slices.Contains(none, f.Name) {
			continue
		}
		own := *f
		value := *f.Value
		own.Value = &value
		// Which ways have a flag stands before its text.
		if of, text, ok := strings.Cut(value.Help, ": "); ok && slices.ContainsFunc(strings.Split(of, ", "), func(s string) bool { return s == where }) {
			value.Help = strings.ToUpper(text[:1]) + text[1:]
		}
		value.Help = cmp.Or(w.about[f.Name], value.Help)
		flags = append(flags, &own)
	}
	command.Flags = flags
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
	if f.Explain && f.DryRun {
		return exitcode.Usagef("--explain, --dry-run: must not be given together; hint: --dry-run prints what would be started, --explain asks whether it can be")
	}
	if _, known := ways[where]; !known {
		if meant := suggest.OneTypo(where, slices.Sorted(maps.Keys(ways))); meant != "" {
			return exitcode.Usagef("launch %s: did you mean launch %s?", where, meant)
		}
		return exitcode.Usagef("%s: must be launch slurm, launch k8s or launch ssh HOST…", strings.TrimSpace("launch "+where))
	}
	if err := a.refuse("launch "+where, without(where)...); err != nil {
		return err
	}
	if f.IdleExit > 0 && f.Keep > 0 {
		return exitcode.Usagef("--idle-exit, --keep: must not be given together: nodes that leave would be replaced at once")
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
	case f.DryRun:
		return l.Print(a.streams.Out)
	case f.Explain:
		return l.Explain(ctx, a.streams.Out)
	}
	close(a.working)
	return l.Start(ctx, a.drain)
}
