package launch

import (
	"strconv"
	"strings"
	"time"
)

// squeueFormat is what squeue prints of a job: array's number, indices, state, time used, reason, node, comment.
const squeueFormat = "%F|%K|%T|%M|%r|%N|%k"

// row is one element of an array in what squeue prints. Elements that wait stand in one line there.
type row struct {
	job, index string
	state      string
	used       time.Duration
	reason     string
	node       string
	comment    string
}

// readQueue reads what squeue printed. Lines of another form are left out: with several clusters, each has a heading.
func readQueue(text string) []row {
	const fields = 7
	var rows []row
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), "|", fields)
		if len(f) != fields {
			continue
		}
		r := row{job: f[0], state: f[2], reason: f[4], node: f[5], comment: f[6]}
		r.used, _ = slurmTime(f[3], false)
		for _, index := range indices(f[1]) {
			r.index = index
			rows = append(rows, r)
		}
	}
	return rows
}

// maxIndices is more than an array of Slurm can have.
const maxIndices = 1 << 22

// indices are those of "7", "[0-3,8]" or "0-9:3%2".
func indices(text string) []string {
	text, _, _ = strings.Cut(strings.Trim(text, "[]"), "%")
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		part, stepText, _ := strings.Cut(part, ":")
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to, step := from, 1
		if isRange {
			if to, err = strconv.Atoi(last); err != nil || to-from > maxIndices {
				continue
			}
		}
		if n, err := strconv.Atoi(stepText); err == nil && n > 0 {
			step = n
		}
		for i := from; i <= to; i += step {
			out = append(out, strconv.Itoa(i))
		}
	}
	return out
}

// ended are the states of jobs that are over, and whether the node is not to blame: preemption is no failure.
var ended = map[string]bool{
	"COMPLETED": true, "FAILED": false, "OUT_OF_MEMORY": false,
	"CANCELLED": true, "TIMEOUT": true, "DEADLINE": true, "PREEMPTED": true, "NODE_FAIL": true, "BOOT_FAIL": true, "REVOKED": true,
}
