package shard

import (
	"fmt"
	"strconv"
	"strings"
)

// Choice is the shard that an environment names.
type Choice struct {
	// Index counts from 0 to Count - 1.
	Index, Count int
	// From are the variables that were read, with their values.
	From string
	// Warning is what the user should know; empty: nothing.
	Warning string
}

// Auto finds the shard of this process in the environment of Slurm, of a Kubernetes Indexed Job or of MPI. count is the number of shards
// that the user gave; 0: the environment has it. It refuses what is ambiguous: two processes of one job must never take one shard.
func Auto(env func(string) string, count int) (Choice, error) {
	e := &environment{get: env}
	array, tasks, pod, mpi := e.slurmArray(), e.slurmTasks(), e.kubernetes(count), e.mpi()
	if e.err != nil {
		return Choice{}, e.err
	}
	inner, warning, err := e.inner(tasks, mpi)
	if err != nil {
		return Choice{}, err
	}
	var c rank
	switch {
	case pod != nil && (array != nil || inner != nil && inner.of > 1):
		other := array
		if other == nil {
			other = inner
		}
		return Choice{}, fmt.Errorf("both %s and %s name a shard: write --shard I/N", pod.from, other.from)
	case pod != nil:
		c = *pod
	case array != nil && inner != nil:
		c = rank{at: array.at*inner.of + inner.at, of: array.of * inner.of, from: array.from + " and " + inner.from}
	case array != nil:
		c = *array
	case inner != nil:
		c = *inner
	default:
		return Choice{}, fmt.Errorf("the environment names no shard: there is no SLURM_ARRAY_TASK_ID, SLURM_PROCID, JOB_COMPLETION_INDEX, OMPI_COMM_WORLD_RANK or PMI_RANK; hint: write --shard I/N")
	}
	if count > 0 && count != c.of {
		return Choice{}, fmt.Errorf("%s makes %d shards, but auto/%d was given: write --shard I/%d with the number of the shard that this process takes", c.from, c.of, count, count)
	}
	return Choice{Index: c.at, Count: c.of, From: c.from, Warning: warning}, nil
}

// rank is the number of a process among others.
type rank struct {
	at, of int
	from   string
}

// environment reads variables. It keeps the first problem.
type environment struct {
	get func(string) string
	err error
}

func (e *environment) has(name string) bool { return e.get(name) != "" }

// number is the variable's value, or fallback if it is not set.
func (e *environment) number(name string, fallback int) int {
	text := e.get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		e.fail("%s is %q, which is not a number from 0: write --shard I/N", name, text)
		return fallback
	}
	return n
}

func (e *environment) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// say names variables that are set, with their values.
func (e *environment) say(names ...string) string {
	var said []string
	for _, name := range names {
		if e.has(name) {
			said = append(said, name+"="+e.get(name))
		}
	}
	return strings.Join(said, " ")
}

// rank reads the number of a process and of all; nil: the environment does not have it.
func (e *environment) rank(at, of string) *rank {
	if !e.has(at) {
		return nil
	}
	r := &rank{e.number(at, 0), e.number(of, 0), e.say(at, of)}
	switch {
	case r.of == 0:
		e.fail("%s is set without %s, so the number of shards is not known: write --shard I/N", e.say(at), of)
	case r.at >= r.of:
		e.fail("%s: the number must be below %d; write --shard I/N", r.from, r.of)
	}
	return r
}

// slurmArray is the number of the array's task, counted from 0.
func (e *environment) slurmArray() *rank {
	const id, least, most, step, all = "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"
	if !e.has(id) {
		return nil
	}
	from := e.say(id, least, most, step, all)
	at, stride, of := e.number(id, 0)-e.number(least, 0), max(e.number(step, 1), 1), e.number(all, 0)
	last := e.number(most, e.number(least, 0)+(of-1)*stride) - e.number(least, 0)
	switch {
	case e.err != nil:
	case of == 0 || !e.has(least):
		e.fail("%s: the array's %s and %s are needed, too; write --shard I/N", from, all, least)
	case last != (of-1)*stride || at%stride != 0 || at < 0 || at/stride >= of:
		e.fail("%s: the array's numbers are not evenly spaced, so the place of this one is not known; use an array such as 0-%d, or write --shard I/N", from, of-1)
	}
	return &rank{at / stride, of, from}
}

// slurmTasks is the number of the task in a step of srun.
func (e *environment) slurmTasks() *rank {
	of := "SLURM_STEP_NUM_TASKS"
	if !e.has(of) {
		of = "SLURM_NTASKS"
	}
	if !e.has(of) && e.get("SLURM_PROCID") == "0" {
		// A batch job that asks for no number of tasks has one.
		return &rank{0, 1, e.say("SLURM_PROCID")}
	}
	return e.rank("SLURM_PROCID", of)
}

// kubernetes is the index of a pod of an Indexed Job. Kubernetes itself does not tell the pod how many there are.
func (e *environment) kubernetes(count int) *rank {
	const index, all = "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"
	if !e.has(index) {
		return nil
	}
	r := &rank{e.number(index, 0), e.number(all, count), e.say(index, all)}
	switch {
	case r.of == 0:
		e.fail("%s does not tell how many pods there are: write --shard auto/N with the job's completions, or set %s in the pod", r.from, all)
	case r.at >= r.of:
		e.fail("%s of %d shards: the index must be below %d", r.from, r.of, r.of)
	}
	return r
}

// mpi is the rank that an MPI launcher gave.
func (e *environment) mpi() *rank {
	open, pmi := e.rank("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), e.rank("PMI_RANK", "PMI_SIZE")
	switch {
	case open == nil:
		return pmi
	case pmi != nil && (pmi.at != open.at || pmi.of != open.of):
		e.fail("%s and %s disagree: write --shard I/N", open.from, pmi.from)
	}
	return open
}

// inner is the number of this process within an array's task, or in the whole job.
func (e *environment) inner(tasks, mpi *rank) (_ *rank, warning string, err error) {
	const pmix = "PMIX_RANK"
	// The script of a batch job is no step: Slurm runs it once, as task 0 of all those that a step would have.
	script := tasks != nil && tasks.at == 0 && !e.has("SLURM_STEP_ID") && !e.has("SLURM_STEP_NUM_TASKS")
	switch {
	case mpi != nil && (tasks == nil || script || *tasks == rank{mpi.at, mpi.of, tasks.from}):
		tasks = mpi
	case mpi != nil:
		return nil, "", fmt.Errorf("%s and %s disagree: write --shard I/N", tasks.from, mpi.from)
	case tasks == nil && e.has(pmix):
		return nil, "", fmt.Errorf("%s does not tell how many processes there are: write --shard I/N", e.say(pmix))
	case tasks != nil && !script && e.has(pmix) && e.get(pmix) != strconv.Itoa(tasks.at):
		return nil, "", fmt.Errorf("%s and %s disagree: write --shard I/N", tasks.from, e.say(pmix))
	case script && tasks.of > 1:
		warning = fmt.Sprintf("%s without a step of srun: a batch script runs as task 0 alone, so the shards of the %d other tasks are done by nobody unless srun starts kagurazaka", tasks.from, tasks.of-1)
	}
	return tasks, warning, nil
}
