package cli

// about is what the help of a command has beside the grammar.
type about struct {
	usage []string
	// summary replaces that of the grammar; empty: it does not.
	summary, text, more string
	// examples are two at least. A test parses each.
	examples []Example
}

const (
	programSummary = "Load a task from a plugin and drive it over millions of items."
	programMore    = `kagurazaka COMMAND -h shows what a command takes, kagurazaka PLUGIN TASK -h what a task takes. Device tasks have further flags: kagurazaka --backbone cuda -hb. Flags may stand anywhere, with hyphens or underscores; those that are not listed here go to the task.

Exit codes: 0 all items are done or were skipped; 1 the run failed; 2 wrong usage or configuration; 3 some items failed or could not be listed; 130 interrupted.
If several apply, the first of these wins: 2 (before the start), 130, 1, 3, 0. The end by a signal (SIGABRT: the host itself broke) is a failure.`
	asForRun   = "It takes the flags and arguments of a run, too: kagurazaka -hk and kagurazaka PLUGIN TASK -h show them."
	asOfPlugin = "Flags about the plugin, such as --python and --locked, are those of a run: kagurazaka -hk shows them."
	ofNodes    = "The flags of kagurazaka work are passed on to the nodes, such as --num_process, --device, --python, --env or --grace: kagurazaka work -h shows them."
)

var programUsage = []string{"[run] PLUGIN [TASK] [FLAG…] [ARGUMENT…]", "[run] PLUGIN [TASK] IN OUT [FLAG…] [ARGUMENT…]", "COMMAND …", "PLUGIN TASK -h", "COMMAND -h"}

// abouts has an entry for each command, and for each way of launch.
var abouts = map[string]about{
	"run": {
		usage: []string{"[run] PLUGIN [TASK] [FLAG…] [ARGUMENT…]", "[run] PLUGIN [TASK] IN OUT [FLAG…] [ARGUMENT…]"},
		text:  "Flags may stand anywhere, with hyphens or underscores. Those that the host does not know go to the task: kagurazaka PLUGIN TASK -h shows them. If a task has a flag of the same name as the host, --kg-NAME is the host's. Words after -- are the task's. IN and OUT are the folders of the inputs and outputs, where the template leaves both open and the task takes no words itself; a plugin with one task needs no TASK.",
		examples: []Example{
			{"kagurazaka ./resize Resize --size 256 --mixin hard_shard_mode.input_path=photos hard_shard_mode.output_path=small", "Resize the photos to 256 pixels."},
			{"kagurazaka upper.py texts out --limit 10", "Do the first ten files of a folder with the one task of a Python file."},
		},
	},
	"plan": {
		usage: []string{"plan PLUGIN [TASK] [IN OUT] [FLAG…] [ARGUMENT…]"},
		text:  "Say how many items are to do and how many are done, and show the first that are to do. It starts no worker and constructs no task.",
		more:  asForRun,
		examples: []Example{
			{"kagurazaka plan upper.py Upper --cfg upper.yaml", "Count the items, and show the first ten to do."},
			{"kagurazaka plan upper.py Upper --cfg upper.yaml --first 3 --json", "Write the same as JSON, with three items."},
		},
	},
	"debug": {
		usage: []string{"debug PLUGIN [TASK] [IN OUT] --item ITEM [FLAG…] [ARGUMENT…]"},
		text:  "Run one item in Python's debugger on the terminal, even if it is finished already. No ledger is kept.",
		more:  asForRun,
		examples: []Example{
			{"kagurazaka debug upper.py Upper --cfg upper.yaml --item '#1'", "Debug the first item of the plan."},
			{"kagurazaka debug upper.py Upper --cfg upper.yaml --item '*/b.txt'", "Debug the item with that file."},
		},
	},
	"describe": {
		usage: []string{"describe PLUGIN [TASK] [--json]"},
		text:  "Show the tasks of a plugin, or one task with its arguments and its template.",
		more:  asOfPlugin,
		examples: []Example{
			{"kagurazaka describe upper.py", "List the tasks of a file."},
			{"kagurazaka describe upper.py Upper --json", "Write a task with the JSON Schema of its configuration."},
		},
	},
	"new": {
		usage: []string{"new NAME.py", "new NAME/ [--lang python|go] [--replace DIR]"},
		text:  "Write a task that converts texts to upper case, and a test of it, and print the commands that run them. A file that exists is never overwritten. A task in Go is a folder with a module of its own.",
		examples: []Example{
			{"kagurazaka new upper.py", "Write upper.py and test_upper.py."},
			{"kagurazaka new upper/ --lang go", "Write a Go module in the folder upper."},
		},
	},
	"config": {
		usage: []string{"config PLUGIN [TASK] [IN OUT] [FLAG…] [ARGUMENT…]"},
		text:  "Show the value of every argument, template field and flag, and whether the command line, the environment, a file or a default gives it.",
		more:  asForRun,
		examples: []Example{
			{"kagurazaka config upper.py Upper", "Show what a run with kagurazaka.yaml does."},
			{"kagurazaka config upper.py Upper --cfg upper.yaml --json", "Write the values as JSON."},
		},
	},
	"init": {
		usage: []string{"init FILE PLUGIN [TASK] [IN OUT] [--force]"},
		text:  "Write a configuration file with every argument and template field of the task, and a comment for each. Fill it in and give it to --cfg.",
		more:  asOfPlugin,
		examples: []Example{
			{"kagurazaka init upper.yaml upper.py Upper", "Write upper.yaml, which must not exist."},
			{"kagurazaka init - upper.py Upper", "Write it to stdout."},
		},
	},
	"runs": {
		usage: []string{"runs [--json] [--prune N]"},
		text:  "List the runs, the newest first, with their counts and states. kagurazaka show RUN prints one of them.",
		examples: []Example{
			{"kagurazaka runs", "List the runs with their counts."},
			{"kagurazaka runs --prune 20", "Keep the newest 20 complete runs, and those with failures."},
		},
	},
	"show": {
		usage: []string{"show RUN [--traceback] [--all] [--failed N] [--json]"},
		text:  "Print what was run, what came of it, and which items failed why.",
		examples: []Example{
			{"kagurazaka show last", "Print the newest run."},
			{"kagurazaka show last --traceback", "Print it with a traceback for each group of failures."},
		},
	},
	"export": {
		usage: []string{"export PLUGIN [TASK] [IN OUT] [FLAG…] [ARGUMENT…]", "export --state failed --from RUN"},
		text:  "Print the items of a run as JSON Lines, CSV or paths, each with what became of it.",
		more:  asForRun,
		examples: []Example{
			{"kagurazaka export upper.py Upper --cfg upper.yaml --state todo --format txt", "Print the paths of the items that are to do."},
			{"kagurazaka export --state failed --from last --out failed.csv", "Write the failed items of the newest run into a table."},
		},
	},
	"shard": {
		usage: []string{"shard PLUGIN [TASK] [IN OUT] --shards N --out DIR [FLAG…] [ARGUMENT…]", "shard --layout hard IN BASE --shards N [--undo]"},
		text:  "Divide the items of a run into manifests of equal size, each for a run of its own with --manifest. With --layout hard, divide the files of a folder into folders of links.",
		more:  asForRun,
		examples: []Example{
			{"kagurazaka shard upper.py Upper --cfg upper.yaml --shards 4 --out parts", "Write four manifests, and the command for each."},
			{"kagurazaka shard --layout hard texts base --shards 4", "Link the files below texts into base/0/input to base/3/input."},
		},
	},
	"work": {
		usage: []string{"work URL… [--token-file PATH] [FLAG…]", "work --run-dir DIR [FLAG…]"},
		text:  "Make this machine work on a run that another machine coordinates, until the run ends. The run prints the command.",
		examples: []Example{
			{"kagurazaka work nats://head:4222 --token-file token", "Join the run that listens there."},
			{"kagurazaka work --run-dir /shared/run --num_process 8", "Find the run by its folder, and work with eight processes."},
		},
	},
	"launch": {
		usage: []string{"launch slurm [-N N] --run-dir DIR [FLAG…] [-- FLAG-OF-SBATCH…]", "launch k8s [-N N] --image NAME --run-dir DIR [FLAG…] [-- FLAG-OF-KUBECTL…]", "launch ssh HOST… --run-dir DIR [FLAG…] [-- FLAG-OF-SSH…]"},
		text:  "Start machines that work on a run with --listen or --nats. kagurazaka launch slurm -h, kagurazaka launch k8s -h and kagurazaka launch ssh -h show the flags of each.",
		more:  ofNodes,
		examples: []Example{
			{"kagurazaka launch slurm -N 8 --run-dir /shared/run -- --partition=gpu --time=12:00:00", "Start eight nodes as jobs of Slurm."},
			{"kagurazaka launch ssh node1 node2 --run-dir run --explain", "Say what would be started on two hosts, and check that it can be."},
		},
	},
	"launch slurm": {
		usage:   []string{"launch slurm [-N N] --run-dir DIR [FLAG…] [-- FLAG-OF-SBATCH…]"},
		summary: "Start nodes of a run as jobs of Slurm",
		text:    "Start nodes of a run as one array of jobs of Slurm, and replace those that end. The words behind -- are given to sbatch.",
		more:    ofNodes,
		examples: []Example{
			{"kagurazaka launch slurm -N 8 --run-dir /shared/run -- --partition=gpu --time=12:00:00", "Start eight nodes."},
			{"kagurazaka launch slurm --keep 4 --gpus 1 --run-dir /shared/run --dry-run", "Print how four nodes with a GPU each would be started and replaced."},
		},
	},
	"launch k8s": {
		usage:   []string{"launch k8s [-N N] --image NAME --run-dir DIR [FLAG…] [-- FLAG-OF-KUBECTL…]"},
		summary: "Print or apply a manifest of nodes for Kubernetes",
		text:    "Print a manifest for Kubernetes: a Secret with the run's token, and an Indexed Job whose pods are nodes of the run. With --apply, hand it to kubectl, which is given the words behind --, too.",
		more:    ofNodes,
		examples: []Example{
			{"kagurazaka launch k8s -N 4 --image registry/texts:1 --run-dir run", "Print the manifest of four nodes."},
			{"kagurazaka launch k8s -N 4 --image registry/texts:1 --run-dir run --apply -- --context=batch", "Hand it to kubectl."},
		},
	},
	"launch ssh": {
		usage:   []string{"launch ssh HOST… --run-dir DIR [FLAG…] [-- FLAG-OF-SSH…]"},
		summary: "Start a node on each of some hosts",
		text:    "Start a node on each host. It reaches the run through the connection of ssh, and ends with that. The words behind -- are given to ssh.",
		more:    ofNodes,
		examples: []Example{
			{"kagurazaka launch ssh node1 node2 --run-dir run", "Start a node on two hosts."},
			{"kagurazaka launch ssh node1 --run-dir run --remote-path bin/kagurazaka -- -p 2222", "Name the program there, and the port of ssh."},
		},
	},
	"trust": {
		usage: []string{"trust PLUGIN [--also] [--user]", "trust --remove PLUGIN [--user]", "trust --list"},
		text:  "Write the SHA-256 of a plugin into plugins.lock. A plugin with another hash is refused from then on. Nothing of the plugin is started.",
		examples: []Example{
			{"kagurazaka trust upper.py", "Pin a task file in the nearest plugins.lock."},
			{"kagurazaka trust --list", "Show the locks that count here, and whether their plugins are unchanged."},
		},
	},
	"completion": {
		usage: []string{"completion bash|zsh|fish"},
		text:  "Print a script that lets a shell complete commands, flags, tasks, template fields and runs.",
		examples: []Example{
			{"kagurazaka completion bash > ~/.local/share/bash-completion/completions/kagurazaka", "Install it for bash."},
			{"kagurazaka completion fish > ~/.config/fish/completions/kagurazaka.fish", "Install it for fish."},
		},
	},
	"help": {
		usage: []string{"help [COMMAND]"},
		text:  "Without COMMAND, show all commands and flags of the host, as -hk does. kagurazaka PLUGIN TASK -h shows the help of a task.",
		examples: []Example{
			{"kagurazaka help plan", "Show what plan takes, as kagurazaka plan -h does."},
			{"kagurazaka help launch slurm", "Show what launch slurm takes."},
		},
	},
	"version": {
		usage: []string{"version [--json]"},
		text:  "Print the version of the host and the commit that it was built from, and the versions of Go, of the plugin protocol and of the SDKs.",
		examples: []Example{
			{"kagurazaka version", "Print the versions, one a line."},
			{"kagurazaka version --json", "Print them as JSON."},
		},
	},
}
