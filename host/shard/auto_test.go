package shard

import (
	"fmt"
	"strings"
	"testing"
)

func environ(text string) func(string) string {
	values := map[string]string{}
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestAuto(t *testing.T) {
	tests := []struct {
		name, env string
		count     int
		want      string
		wrong     string
	}{
		{"array", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4", 0, "2/4", ""},
		{"array without its maximum", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0", 0, "3/4", ""},
		{"array by steps", "SLURM_ARRAY_TASK_ID=30 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=40 SLURM_ARRAY_TASK_STEP=10", 0, "2/4", ""},
		{"array whose last step is short", "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_STEP=2", 0, "2/3", ""},
		{"array of tasks", "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0", 0, "5/6", ""},
		{"array whose step has fewer tasks than the job", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=0 SLURM_PROCID=1 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0", 0, "3/4", ""},
		{"array of scripts", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=0 SLURM_PROCID=0", 0, "1/2", ""},
		{"array that is a list", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9", 0, "", "not evenly spaced"},
		{"array without a count", "SLURM_ARRAY_TASK_ID=5", 0, "", "SLURM_ARRAY_TASK_COUNT"},
		{"array below its minimum", "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1", 0, "", "not evenly spaced"},
		{"array between steps", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_STEP=2", 0, "", "not evenly spaced"},
		{"one task of an array again", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=5", 10, "", "--shard I/10"},
		{"tasks", "SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0", 0, "1/2", ""},
		{"a script of a job with tasks", "SLURM_PROCID=0 SLURM_NTASKS=2", 0, "0/2 !", ""},
		{"a task of no number", "SLURM_PROCID=x SLURM_NTASKS=2", 0, "", `SLURM_PROCID is "x"`},
		{"a task beyond the last", "SLURM_PROCID=2 SLURM_NTASKS=2", 0, "", "below 2"},
		{"tasks without their number", "SLURM_PROCID=1", 0, "", "without SLURM_NTASKS"},
		{"pod", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4", 0, "3/4", ""},
		{"pod whose number is given", "JOB_COMPLETION_INDEX=3", 4, "3/4", ""},
		{"pod without a number", "JOB_COMPLETION_INDEX=3", 0, "", "auto/N"},
		{"pod beyond the last", "JOB_COMPLETION_INDEX=4", 4, "", "below 4"},
		{"pod with another number", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4", 5, "", "auto/5"},
		{"pod and array", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4 SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0", 0, "", "both JOB_COMPLETION_INDEX"},
		{"pod and ranks", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4 OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2", 0, "", "both JOB_COMPLETION_INDEX"},
		{"Open MPI", "OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=3 PMIX_RANK=2", 0, "2/3", ""},
		{"MPICH", "PMI_RANK=2 PMI_SIZE=3", 0, "2/3", ""},
		{"PMIx alone", "PMIX_RANK=2", 0, "", "does not tell how many"},
		{"ranks without their number", "PMI_RANK=2", 0, "", "without PMI_SIZE"},
		{"ranks of srun", "SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0 PMI_RANK=1 PMI_SIZE=2 PMIX_RANK=1", 0, "1/2", ""},
		{"ranks of mpirun in a script", "SLURM_PROCID=0 SLURM_NTASKS=4 OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4", 0, "3/4", ""},
		{"ranks of mpirun in an array", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=0 SLURM_PROCID=0 SLURM_NTASKS=4 OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4", 0, "7/8", ""},
		{"ranks of mpirun in a step", "SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_STEP_ID=0 OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4", 0, "", "disagree"},
		{"ranks of mpirun in a step without a number", "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=4", 0, "", "disagree"},
		{"PMIx beside srun", "SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_STEP_ID=0 PMIX_RANK=1", 0, "", "disagree"},
		{"two kinds of ranks", "PMI_RANK=1 PMI_SIZE=3 OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=3", 0, "", "disagree"},
		{"nothing", "", 0, "", "names no shard"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Auto(environ(test.env), test.count)
			if err != nil {
				if test.wrong == "" || !strings.Contains(err.Error(), test.wrong) {
					t.Fatalf("got the error %q, want %q", err, test.wrong)
				}
				return
			}
			got := fmt.Sprintf("%d/%d", c.Index, c.Count)
			if c.Warning != "" {
				got += " !"
			}
			if got != test.want {
				t.Errorf("got %s from %s (%s), want %s %s", got, c.From, c.Warning, test.want, test.wrong)
			}
		})
	}
}

// Each process of an array of steps has a shard of its own, and no shard is left.
func TestAutoDividesAnArray(t *testing.T) {
	taken := map[int]bool{}
	for a := range 3 {
		for p := range 2 {
			c, err := Auto(environ(fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_PROCID=%d SLURM_NTASKS=2 SLURM_STEP_ID=0", a+1, p)), 0)
			if err != nil || c.Count != 6 || taken[c.Index] {
				t.Fatalf("%+v, %v, taken: %v", c, err, taken)
			}
			taken[c.Index] = true
		}
	}
}
