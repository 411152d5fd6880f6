package job

import (
	"fmt"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/run"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/bytesize"
)

// Flags are a user's choices about a job, with kong's tags: they are the command line's flags. The parts are in the order of its help.
type Flags struct {
	ConfigFlags
	RunFlags
	DebugFlags
	FolderFlags
	SelectFlags
	SourceFlags
	ShardFlags
	LedgerFlags
	NetFlags
}

// ConfigFlags are the sources of the configuration.
type ConfigFlags struct {
	Backbone string   `name:"backbone" default:"auto" enum:"${backbones}" help:"The execution model. auto: mp for normal tasks, cuda for device tasks."`
	Cfg      string   `name:"cfg" placeholder:"FILE" help:"YAML file with task:, backbone: and mixin: sections, in place of a kagurazaka.yaml."`
	MixinCfg string   `name:"mixin-cfg" placeholder:"FILE" help:"YAML file to merge into the template; wins over the mixin: section of --cfg."`
	NoConfig bool     `name:"no-config" help:"Read no kagurazaka.yaml."`
	Mixin    []string `name:"mixin" sep:"none" placeholder:"KEY=VALUE" help:"Values to merge into the template (several after one flag, and several flags); win over both files."`
}

// RunFlags are about the plugin's processes and the items. The tag variable marks those that a variable of the environment may give: see argv.
type RunFlags struct {
	Python       string        `name:"python" variable:"" group:"plugin" placeholder:"EXE" help:"The Python interpreter for task files that end in .py; KAGURAZAKA_PYTHON says it for all runs."`
	StartTimeout time.Duration `name:"start-timeout" variable:"" group:"plugin" default:"60s" help:"How long a plugin may take to its handshake and to describe itself."`
	OpenTimeout  time.Duration `name:"open-timeout" variable:"" group:"plugin" default:"10m" help:"How long a task may take to be opened in a worker: to parse its arguments and to load its model."`
	Outputs      string        `name:"outputs" variable:"" group:"output" default:"auto" enum:"auto,direct,staged" help:"How outputs are written. direct: in place, with unfinished ones recorded. staged: aside, and renamed into place when they are complete. auto: as the task says; a Python task's are direct."`
	Grace        time.Duration `name:"grace" variable:"" default:"30s" help:"How long what is in flight may take after the first Ctrl-C."`
	CloseTimeout time.Duration `name:"close-timeout" variable:"" group:"plugin" default:"5m" help:"How long a task may take to be closed in a worker, at the end and when the worker is replaced. One that takes longer, or fails, makes the run fail."`
	MaxFailures  string        `name:"max-failures" variable:"" group:"failures" placeholder:"N|P%" help:"End the run once more items than this have failed: a number, or a percentage of those that have an outcome, once there are 100. 0 ends it at the first failure."`
	Retries      int           `name:"retries" variable:"" group:"failures" placeholder:"N" help:"Try an item that failed, in whatever way, up to N times more."`
	RetryDelay   time.Duration `name:"retry-delay" variable:"" group:"failures" default:"1s" help:"The longest wait before the first of --retries; it doubles with each, up to a minute. The actual wait is a random part of it."`
	ItemTimeout  time.Duration `name:"item-timeout" variable:"" group:"failures" placeholder:"D" help:"End the worker that is on one item for longer than this, as in 90s: the item has failed, the others go to other workers."`
	StallAfter   time.Duration `name:"stall-after" variable:"" group:"failures" default:"5m" help:"Warn, and name what is in flight, when nothing has moved for so long; 0: never."`

	WorkerMaxItems int      `name:"worker-max-items" variable:"" group:"failures" placeholder:"N" help:"Replace a worker when it has worked on N items."`
	WorkerMaxRSS   string   `name:"worker-max-rss" variable:"" group:"failures" placeholder:"SIZE" help:"Replace a worker when it and its children have more memory resident than this, as in 800M or 4G. Nothing is lost: it finishes first what it was sent."`
	OutputsOutside bool     `name:"outputs-outside" group:"output" help:"Let the lines of a JSON Lines file name outputs outside of the output folder. Without it such an item fails before it is begun."`
	ListOutputs    bool     `name:"list-outputs" group:"output" help:"Where the output folder lies in the input folder, or is the same, take what earlier runs wrote there for inputs, too."`
	BadLines       string   `name:"bad-lines" variable:"" group:"failures" default:"fail" enum:"fail,count" help:"What becomes of lines of a JSON Lines file that are not items. fail: the listing stops there, what was listed before is done, and the run ends with exit code 1. count: they are left out and counted, and the run ends with exit code 3."`
	PluginSHA256   []string `name:"plugin-sha256" variable:"" group:"plugin" sep:"none" placeholder:"HEX" help:"Refuse the plugin unless this is its SHA-256: of an executable or a task file that of the file, of a folder the one that kagurazaka trust shows."`
	Locked         bool     `name:"locked" variable:"" group:"plugin" help:"Refuse a plugin that is in no plugins.lock. One that is in it with another hash is refused in any case."`
	CleanEnv       bool     `name:"clean-env" variable:"" group:"plugin" help:"Keep all environment variables from the plugin but PATH, HOME, the language and the like, and what --env names."`
	Env            []string `name:"env" group:"plugin" sep:"none" placeholder:"NAME[=VALUE]" help:"Set a variable in the plugin's environment, or, under --clean-env, let one through. May be given several times."`
	MTLS           bool     `name:"mtls" variable:"" group:"plugin" help:"Refuse a plugin that does not speak TLS, with certificates on both sides."`
}

// LedgerFlags are about the ledger of a run, and the earlier run that it resumes.
type LedgerFlags struct {
	RunDir      string `name:"run-dir" placeholder:"DIR" help:"Keep the run's ledger in this folder, made new; without it in a folder of its own below $XDG_STATE_HOME/kagurazaka/runs."`
	NoLedger    bool   `name:"no-ledger" help:"Keep no ledger of the run."`
	Resume      string `name:"resume" placeholder:"[RUN]" help:"Leave out what an earlier run did, where neither outputs nor the task itself tell what is finished. RUN is a run's id or its beginning, last, or its folder; without it the last run of the same plugin, task, arguments and template. A RUN of another form is written --resume=RUN."`
	RetryFailed string `name:"retry-failed" placeholder:"[RUN]" help:"Run only the failed items of an earlier run. RUN as for --resume."`
}

// listing is the policy of a listing by the flags.
func (f *RunFlags) listing() plan.Policy {
	return plan.Policy{OutputsOutside: f.OutputsOutside, ListOutputs: f.ListOutputs, SkipBadLines: f.BadLines == "count"}
}

const aTime = "a time such as 30s or 5m"

// CheckStart checks the time limits that count before the other flags are looked at.
func (f *RunFlags) CheckStart() (wrong []problem.Problem) {
	if f.StartTimeout <= 0 {
		wrong = append(wrong, problem.Problem{Source: fmt.Sprintf("--start-timeout %v", f.StartTimeout), Message: "must be " + aTime})
	}
	if f.OpenTimeout <= 0 {
		wrong = append(wrong, problem.Problem{Source: fmt.Sprintf("--open-timeout %v", f.OpenTimeout), Message: "must be " + aTime})
	}
	return wrong
}

// policy is the policy of a run by the flags, with all problems of those.
func (f *RunFlags) policy() (backbones.Policy, []problem.Problem) {
	var wrong []problem.Problem
	say := func(where, message string) {
		wrong = append(wrong, problem.Problem{Source: where, Message: message})
	}
	p := backbones.Policy{
		Retry:       backbones.Retry{Limit: f.Retries, Backoff: backbones.Backoff{First: f.RetryDelay}},
		ItemTimeout: f.ItemTimeout, StallAfter: f.StallAfter, Grace: f.Grace, CloseTimeout: f.CloseTimeout, WorkerMaxItems: f.WorkerMaxItems,
	}
	_, err := run.ParseLimit(f.MaxFailures)
	if err != nil {
		say("--max-failures "+terminal.Quote(f.MaxFailures), err.Error())
	}
	for _, d := range []struct {
		wrong bool
		flag  string
		value any
		want  string
	}{
		{f.RetryDelay < 0, "retry-delay", f.RetryDelay, aTime + ", or 0"},
		{f.ItemTimeout < 0, "item-timeout", f.ItemTimeout, aTime + ", or 0"},
		{f.StallAfter < 0, "stall-after", f.StallAfter, aTime + ", or 0"},
		{f.Grace < 0, "grace", f.Grace, aTime + ", or 0"},
		{f.CloseTimeout <= 0, "close-timeout", f.CloseTimeout, aTime},
		{f.Retries < 0, "retries", f.Retries, "the number of further tries of a failed item, 0 or more"},
		{f.WorkerMaxItems < 0, "worker-max-items", f.WorkerMaxItems, "a number of items, or 0 for any number"},
	} {
		if d.wrong {
			say(fmt.Sprintf("--%s %v", d.flag, d.value), "must be "+d.want)
		}
	}
	if p.WorkerMaxRSS, err = parseSize(f.WorkerMaxRSS); err != nil {
		say("--worker-max-rss "+terminal.Quote(f.WorkerMaxRSS), err.Error())
	} else if p.WorkerMaxRSS > 0 && !plugin.CanMeasure() {
		say("--worker-max-rss", "the memory of processes can be measured on Linux alone")
	}
	return p, wrong
}

// parseSize is bytesize.Parse; no text is no bytes.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return bytesize.Parse(text)
}
