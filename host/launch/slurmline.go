package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// folder is where the nodes that Slurm starts leave their logs and marks.
func (s *Slurm) folder() string { return filepath.Join(s.Run.Dir, "slurm") }

// jobName is the name of all jobs of this launch. The same command again has the same name, so that it takes over what is there.
func (s *Slurm) jobName() string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(s.Args, s.Node.work(), []string{strconv.Itoa(s.GPUs)}), "\x00")))
	const digits = 3
	return s.Run.name() + "-" + hex.EncodeToString(sum[:digits])
}

// comment stands in --comment: it says which run and which call of sbatch a job is of.
func (s *Slurm) comment(batch string) string { return commentStart + s.Run.ID + " " + batch }

const commentStart = "kagurazaka run "

// sbatch are the arguments of sbatch for some nodes. Each is an element of one array: no srun, which could start a node twice.
func (s *Slurm) sbatch(batch string, nodes int) []string {
	args := []string{"--nodes=1", "--ntasks=1"}
	if s.GPUs > 0 {
		args = append(args, "--gres=gpu:"+strconv.Itoa(s.GPUs))
	}
	if !given(s.Args, "signal", "") {
		args = append(args, fmt.Sprintf("--signal=B:TERM@%d", int(s.DrainBefore.Seconds())))
	}
	args = append(args, s.Args...)
	return append(args,
		"--parsable", "--open-mode=append",
		"--job-name="+s.jobName(), "--comment="+s.comment(batch), fmt.Sprintf("--array=0-%d", nodes-1),
		// Slurm writes % as %%, and %a for the index.
		"--output="+strings.ReplaceAll(filepath.Join(s.folder(), batch), "%", "%%")+"-%a"+logSuffix,
	)
}

// script is the batch script. The node takes the place of the shell, so that each signal reaches it once.
func (s *Slurm) script(batch string) string {
	mark := terminal.Quote(filepath.Join(s.folder(), batch)+"-") + `"$SLURM_ARRAY_TASK_ID"` + markSuffix
	words := s.Node.work("--run-dir", s.Run.Dir)
	if s.standIn != nil {
		words = s.standIn
	}
	return "#!/bin/sh\n# A node of run " + terminal.Line(s.Run.ID, maxID) + ", started by kagurazaka launch slurm.\n" +
		"exec " + shell(words) + " --mark " + mark + "\n"
}

const maxID = 100

// squeue are the arguments of squeue for all jobs of this launch, also those that ended lately.
func (s *Slurm) squeue() []string {
	return []string{"--user=" + s.user(), "--name=" + s.jobName(), "--states=all", "--noheader", "--format=" + squeueFormat}
}

// scancel are the arguments of scancel for jobs of this launch. Their name is ours alone: a number could be that of another job by now.
func (s *Slurm) scancel(more ...string) []string {
	return append([]string{"--user=" + s.user(), "--name=" + s.jobName()}, more...)
}

// given reports whether words for sbatch have an option.
func given(args []string, long, short string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "--"+long || strings.HasPrefix(a, "--"+long+"=") || short != "" && strings.HasPrefix(a, "-"+short) && !strings.HasPrefix(a, "--")
	})
}

// ours are the options of sbatch that the launcher sets, and what to write instead.
var ours = []struct{ long, short, instead string }{
	{"array", "a", "-N says how many nodes to start"},
	{"nodes", "N", "-N stands before the --, and each job has one node"},
	{"comment", "", "the launcher finds its jobs by it"},
	{"job-name", "J", "the launcher finds its jobs by it"},
	{"output", "o", "the logs are in the run's folder, in slurm/"},
	{"wrap", "", "the launcher writes the script"},
	{"wait", "W", "the launcher waits itself"},
	{"parsable", "", "the launcher reads what sbatch prints"},
	{"test-only", "", "--explain asks Slurm the same"},
}

// check returns what is wrong with the options.
func (s *Slurm) check() error {
	var problems []problem.Problem
	add := func(format string, args ...any) {
		problems = append(problems, problem.Problem{Message: fmt.Sprintf(format, args...)})
	}
	if s.Nodes < 1 {
		add("-N %d: must be the number of nodes to start, 1 or more", s.Nodes)
	}
	if s.Keep < 0 || s.Keep > s.Nodes {
		add("--keep %d: must be from 0 to the number of nodes (-N %d)", s.Keep, s.Nodes)
	}
	if s.Keep > 0 && s.Detach {
		add("--detach, --keep: must not be given together: nobody is there to replace nodes; hint: leave one of them out")
	}
	if s.GPUs < 0 {
		add("--gpus %d: must be a number of GPUs for each node", s.GPUs)
	}
	if s.DrainBefore < time.Second || s.DrainBefore > 18*time.Hour {
		add("--drain-before %s: must be from 1s to 18h", s.DrainBefore)
	}
	if s.GPUs > 0 && (given(s.Args, "gres", "") || given(s.Args, "gpus", "G")) {
		add("--gpus: must not be given together with sbatch's own option about GPUs; hint: leave --gpus out")
	}
	for _, o := range ours {
		if given(s.Args, o.long, o.short) {
			add("--%s: must not be given to sbatch: the launcher decides it; hint: %s", o.long, o.instead)
		}
	}
	if strings.ContainsAny(s.Run.Dir, "\\\n") {
		add("%q: Slurm cannot write logs into a folder with such a name; hint: give the run another folder with --run-dir", s.Run.Dir)
	}
	return problem.Err(problems)
}

// warnings are what may go wrong with nodes that can be started.
func (s *Slurm) warnings() []string {
	var out []string
	if len(s.Run.beyond()) == 0 {
		out = append(out, fmt.Sprintf("the run listens at %s, which only this machine reaches: nodes on others cannot join; hint: start the run with --listen=HOST, HOST being a name or an address of this machine that the others know", strings.Join(s.Run.URLs, " ")))
	}
	limit, ok := timeLimit(s.Args)
	// slurmctld looks once a minute.
	if ok && limit <= s.DrainBefore+time.Minute && !given(s.Args, "signal", "") {
		out = append(out, fmt.Sprintf("nodes have %s, and Slurm tells them to leave %s before the end or up to a minute earlier, so perhaps at once; hint: give a longer --time or a shorter --drain-before", limit, s.DrainBefore))
	}
	return out
}

// timeLimit is --time of words for sbatch; ok is false when there is none that can be read.
func timeLimit(args []string) (limit time.Duration, ok bool) {
	text := ""
	for i, a := range args {
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		switch {
		case a == "--time" || a == "-t":
			text = next
		case strings.HasPrefix(a, "--time="):
			text = strings.TrimPrefix(a, "--time=")
		case strings.HasPrefix(a, "-t") && !strings.HasPrefix(a, "--"):
			text = strings.TrimPrefix(strings.TrimPrefix(a, "-t"), "=")
		}
	}
	return slurmTime(text, true)
}

// slurmTime reads Slurm's [D-]H:M:S. A lone number is minutes in a limit, two are minutes and seconds; behind days, hours come first.
func slurmTime(text string, isLimit bool) (d time.Duration, ok bool) {
	days, rest, hasDays := strings.Cut(text, "-")
	if !hasDays {
		days, rest = "0", text
	}
	var parts []uint64
	for p := range strings.SplitSeq(rest, ":") {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return 0, false
		}
		parts = append(parts, n)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	units := []time.Duration{time.Hour, time.Minute, time.Second}
	if err != nil || len(parts) > len(units) {
		return 0, false
	}
	d = time.Duration(n) * 24 * time.Hour
	switch {
	case hasDays:
	case len(parts) == 1 && isLimit:
		units = units[1:]
	default:
		units = units[len(units)-len(parts):]
	}
	for i, p := range parts {
		d += units[i] * time.Duration(p)
	}
	return d, true
}
