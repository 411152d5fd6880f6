package cli

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/host/job"
)

// grammar is the host's own command line. What it does not know belongs to the task, so kong never sees it: argv
// takes the host's words out of the command line first.
type grammar struct {
	hostFlags

	Run        runCmd        `cmd:"" default:"withargs" help:"Run a task; the word run may be left out"`
	Plan       planCmd       `cmd:"" help:"Show what a run would do, and start no worker"`
	Debug      debugCmd      `cmd:"" help:"Run one item in Python's debugger"`
	Describe   describeCmd   `cmd:"" help:"Show the tasks of a plugin and what they need"`
	New        newCmd        `cmd:"" help:"Write a task of your own with its test, to begin with"`
	Config     configCmd     `cmd:"" help:"Show every value of a run, and where it comes from"`
	Init       initCmd       `cmd:"" help:"Write a commented configuration file for a task"`
	Runs       runsCmd       `cmd:"" help:"List the runs that were made here"`
	Show       showCmd       `cmd:"" help:"Print one run, with the items that failed"`
	Export     exportCmd     `cmd:"" help:"Print the items of a run, with what became of them"`
	Shard      shardCmd      `cmd:"" help:"Divide the items of a run into equal parts"`
	Work       workCmd       `cmd:"" help:"Let this machine work on a run with --listen or --nats"`
	Launch     launchCmd     `cmd:"" help:"Start machines that work on such a run"`
	Trust      trustCmd      `cmd:"" help:"Pin a plugin to its hash in plugins.lock"`
	Completion completionCmd `cmd:"" help:"Print a completion script for a shell"`
	HelpOf     helpCmd       `cmd:"" name:"help" help:"Show all commands and flags, or the help of a command"`
	VersionOf  versionCmd    `cmd:"" name:"version" help:"Print the version of the host, the protocol and the SDK"`
}

// hostFlags are the flags of every command. The names up to Help are those of kagurazaka 0.1.1 and always the host's;
// those about trust are, too; the others give way to a task's argument of the same name, and are then written --kg-NAME.
// The tag variable marks a flag that a variable of the environment may give: one that says how a run is done, not what is run or where.
type hostFlags struct {
	job.ConfigFlags `group:"run"`
	Help            bool `name:"help" short:"h" group:"help" help:"Show the help of the command, or of the task after PLUGIN."`
	HelpBackbone    bool `name:"help-backbone" group:"help" help:"Show the flags of the task's workers, and what this machine has for them."`
	HelpKagurazaka  bool `name:"help-kagurazaka" group:"help" help:"Show all commands and flags of the host."`

	Progress        string `name:"progress" variable:"" group:"output" default:"auto" enum:"auto,bar,full,plain,json,none" help:"How to show progress. auto: a bar on a terminal, else plain lines. full: the bar, with a line for each worker."`
	Color           string `name:"color" variable:"" group:"output" default:"auto" enum:"auto,always,never" help:"When to color text. auto: on a terminal, unless NO_COLOR is set or TERM is dumb."`
	job.RunFlags    `group:"run"`
	Verbose         int  `name:"verbose" variable:"" group:"output" short:"v" type:"counter" help:"Log more; twice: everything."`
	Quiet           bool `name:"quiet" variable:"" group:"output" short:"q" help:"Log only warnings and errors; hides what tasks print."`
	job.DebugFlags  `group:"output"`
	job.FolderFlags `group:"items"`
	job.SelectFlags `group:"items"`
	DryRun          bool `name:"dry-run" group:"items" help:"Do nothing, and print what plan prints. It takes the flags of plan, too."`
	job.SourceFlags `group:"items"`
	job.ShardFlags  `group:"items"`
	job.LedgerFlags `group:"resume"`
	job.NetFlags    `group:"machines"`
	Version         bool `name:"version" group:"help" help:"Print the version."`
}

type runCmd struct {
	planFlags
	Plugin string `arg:"" optional:"" help:"An executable (one in the working folder needs its ./), a .py file, a folder with a plugin, or the name of an installed plugin."`
	Task   string `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

// planFlags are those of plan, and of a run with --dry-run.
type planFlags struct {
	First      int  `name:"first" default:"10" placeholder:"N" help:"How many of the first items to show."`
	JSON       bool `name:"json" help:"Print one JSON object."`
	Unfinished bool `name:"unfinished" help:"Print the paths of the outputs that somebody began and did not finish, one a line, and nothing else."`
}

type planCmd struct {
	planFlags
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

type shardCmd struct {
	Shards int      `name:"shards" placeholder:"N" help:"How many parts to make."`
	By     string   `name:"by" default:"index" enum:"index,hash,size,time" help:"What makes the parts equal. index: the number of items, one after the other. hash: that of REL_DIR/NAME, so that an item stays in its part when others come and go. size: the bytes of the inputs. time: the seconds that a run measured."`
	From   []string `name:"from" sep:"none" placeholder:"RUN" help:"The run whose ledger has the seconds for --by time: its id or its beginning, last, or its folder. May be given several times."`
	Out    string   `name:"out" placeholder:"DIR" help:"The folder for the manifests. It must be new or empty, or hold a set of manifests."`
	Layout string   `name:"layout" default:"manifest" enum:"manifest,hard" help:"What to make. hard: shard --layout hard IN BASE makes folders BASE/IDX/NAME of hard links to the files below IN, as HardShardModeV1 reads them."`
	Name   string   `name:"name" default:"input" help:"NAME of the folders of --layout hard."`
	Undo   bool     `name:"undo" help:"With --layout hard IN BASE: take the links back. Files that are gone from IN return there."`
	State  string   `name:"state" default:"all" enum:"all,todo" help:"Which items to divide. todo: those that are not finished."`
	Force  bool     `name:"force" help:"Replace the set of manifests in DIR."`
	JSON   bool     `name:"json" help:"Print one JSON object: what shards.json in DIR has, with the command for each manifest."`
	Plugin string   `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string   `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

type exportCmd struct {
	job.ExportFlags
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

type debugCmd struct {
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

type configCmd struct {
	JSON   bool   `name:"json" help:"Print one JSON object."`
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name."`
}

type workCmd struct {
	TokenFile string        `name:"token-file" placeholder:"PATH" help:"The run's token; without it the one in the folder of --run-dir, or KAGURAZAKA_TOKEN."`
	Name      string        `name:"name" help:"The node's name in the run; without it the machine's."`
	Plugin    string        `name:"plugin" placeholder:"PATH" help:"Where this machine has the run's plugin; without it where the coordinator has it, or where a plugins.lock says. Its hash must be the same."`
	Accept    string        `name:"accept-plugin" placeholder:"HASH" help:"Fetch the run's plugin from its coordinator where this machine does not have it, if it is one file whose SHA-256 is HASH. Without the flag nothing is fetched."`
	IdleExit  time.Duration `name:"idle-exit" variable:"" placeholder:"D" help:"Leave the run when there was nothing to do for this long, as in 5m; without it only at its end."`
	Reconnect time.Duration `name:"reconnect" variable:"" default:"10m" help:"How long to look for a coordinator that cannot be reached."`
	Lifeline  bool          `name:"lifeline" hidden:"" help:"For launch ssh: how to join comes on standard input, and the node ends when that does."`
	Mark      string        `name:"mark" hidden:"" help:"For launch slurm: the file that says when the node began and how it ended."`
	URL       []string      `arg:"" optional:"" name:"url" help:"Where the run's coordinator listens, or the team's server: nats://HOST:PORT. Several, if it may be started again elsewhere."`
}

type launchCmd struct {
	Nodes       int           `name:"nodes" short:"N" default:"1" placeholder:"N" help:"slurm, k8s: how many nodes to start."`
	Keep        int           `name:"keep" placeholder:"N" help:"slurm: replace nodes that ended before the run, so that N are there."`
	GPUs        int           `name:"gpus" placeholder:"N" help:"slurm, k8s: how many GPUs each node gets."`
	DrainBefore time.Duration `name:"drain-before" default:"2m" help:"slurm: how long before the end of its time a node leaves the run."`
	Detach      bool          `name:"detach" help:"slurm: leave once Slurm has the nodes. None is replaced then, so it does not go together with --keep."`
	Image       string        `name:"image" placeholder:"NAME" help:"k8s: the image that has kagurazaka and the plugin."`
	Mount       []string      `name:"mount" sep:"none" placeholder:"CLAIM:PATH[:ro]" help:"k8s: mount a claim of a persistent volume. May be given several times."`
	CPU         string        `name:"cpu" placeholder:"N" help:"k8s: how many processors each pod requests, as in 4 or 500m."`
	Memory      string        `name:"memory" placeholder:"SIZE" help:"k8s: how much memory each pod gets, as in 8Gi."`
	Namespace   string        `name:"namespace" help:"k8s: the namespace; without it that of kubectl's context."`
	Kueue       string        `name:"kueue" placeholder:"QUEUE" help:"k8s: let Kueue admit the job through this LocalQueue."`
	Address     string        `name:"address" placeholder:"URL" help:"k8s: the run's address as pods reach it, where that is not the run's own."`
	Apply       bool          `name:"apply" help:"k8s: hand the manifest to kubectl, in place of printing it."`
	RemotePath  string        `name:"remote-path" placeholder:"PATH" help:"Where the nodes' machines have kagurazaka; without it the path that it has here. k8s: without it on the image's PATH."`
	Explain     bool          `name:"explain" help:"Say what would be started, and ask Slurm, Kubernetes or the hosts whether it can be. Starts nothing."`
	Plugin      string        `name:"plugin" placeholder:"PATH" help:"Where the nodes' machines have the run's plugin, as for kagurazaka work."`
	Accept      string        `name:"accept-plugin" placeholder:"HASH" help:"As for kagurazaka work."`
	IdleExit    time.Duration `name:"idle-exit" variable:"" placeholder:"D" help:"As for kagurazaka work."`
	Reconnect   time.Duration `name:"reconnect" variable:"" default:"10m" help:"As for kagurazaka work."`
	Where       string        `arg:"" optional:"" help:"slurm, k8s or ssh."`
	Host        []string      `arg:"" optional:"" help:"ssh: the hosts."`
}

type describeCmd struct {
	JSON   bool   `name:"json" help:"Print JSON, with a JSON Schema of each task's configuration file."`
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name; without one all tasks."`
}

type newCmd struct {
	Lang    string `name:"lang" default:"python" enum:"python,go" help:"The language of the task."`
	Replace string `name:"replace" placeholder:"DIR" help:"Go: the clone of kagurazaka's repository that the task's module uses; without it the one in which kagurazaka or the working folder lies, if any."`
	Name    string `arg:"" optional:"" help:"NAME.py, or NAME/ for a folder of its own."`
}

type initCmd struct {
	Force  bool   `name:"force" help:"Overwrite the file."`
	Cfg    string `arg:"" optional:"" name:"file" help:"The file to write; - for stdout."`
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
	Task   string `arg:"" optional:"" help:"The task's name. It may be left out if the plugin has one task."`
}

type runsCmd struct {
	JSON  bool `name:"json" help:"Print JSON."`
	Prune *int `name:"prune" placeholder:"N" help:"Remove the oldest complete runs, but keep the newest N of them. Runs with failures or without an end stay."`
}

type showCmd struct {
	JSON      bool   `name:"json" help:"Print one JSON object."`
	Traceback bool   `name:"traceback" help:"Show the traceback of each group of failed items."`
	All       bool   `name:"all" help:"Show every failed item, one a line."`
	Failed    *int   `name:"failed" placeholder:"N" help:"Show the first N failed items with all that they say, and how often they were tried; -1: all. With --json: 10 without the flag."`
	Run       string `arg:"" optional:"" help:"A run's id or its beginning, last, or its folder."`
}

type trustCmd struct {
	Remove bool   `name:"remove" help:"Take the plugin out of the lock."`
	List   bool   `name:"list" help:"Print the locks that count here, and whether their plugins still are what they were."`
	User   bool   `name:"user" help:"Use the user's own lock instead of the nearest one from the working folder upwards."`
	Also   bool   `name:"also" help:"Keep the hashes that the lock has: the plugin differs between machines."`
	Plugin string `arg:"" optional:"" help:"The plugin, as for a run."`
}

type completionCmd struct {
	Shell string `arg:"" optional:"" help:"bash, zsh or fish."`
}

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"A command, such as plan or launch slurm; without it the help of the whole program."`
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// groups are the groups of the flags of all commands, in the order of the help.
var groups = []kong.Group{
	{Key: "run", Title: "Run"},
	{Key: "items", Title: "Items"},
	{Key: "failures", Title: "Failures"},
	{Key: "resume", Title: "Resume"},
	{Key: "plugin", Title: "Plugin"},
	{Key: "output", Title: "Output"},
	{Key: "machines", Title: "Several machines"},
	{Key: "help", Title: "Help"},
}

func newParser(g *grammar) (*kong.Kong, error) {
	return kong.New(g, kong.Name("kagurazaka"), kong.NoDefaultHelp(), kong.ExplicitGroups(groups), kong.Vars{"backbones": strings.Join(job.BackboneNames(), ",")}, kong.Exit(func(int) {}),
		kong.KindMapper(reflect.Int, mapper("must be an integer", strconv.Atoi)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), mapper("must be a time with its unit, such as 500ms, 30s or 5m", time.ParseDuration)))
}

// mapper reads a flag's value; want is the message about a wrong one.
func mapper[T any](want string, parse func(string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		v, err := parse(text)
		if err != nil {
			return &valueError{want}
		}
		target.Set(reflect.ValueOf(v))
		return nil
	}
}
