package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// infoFormat is the version of run.json and of the folder around it.
const infoFormat = 1

// Info is run.json: what was run, and how it ended.
type Info struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	// Parent is the run that this one takes up; nil: none.
	Parent *Parent `json:"parent,omitempty"`
	Plugin Plugin  `json:"plugin"`
	Task   string  `json:"task"`
	// Args are the task's arguments, Template its resolved template and Backbone the options of the execution model.
	Args     []string        `json:"args"`
	Template json.RawMessage `json:"template,omitempty"`
	Backbone map[string]any  `json:"backbone,omitempty"`
	// Shard is the part of the items that --shard took of a task whose template does not say it; empty: all.
	Shard string `json:"shard,omitempty"`
	// Selection are the flags that chose some of the items; empty: all were to be done.
	Selection string `json:"selection,omitempty"`
	// Filter are the flags of --include and --exclude, which say what was listed at all; empty: everything was.
	Filter string `json:"filter,omitempty"`
	// Placement is which CPUs the workers were given; empty: they may run on any.
	Placement []Placement `json:"placement,omitempty"`
	// Nodes are the machines that have worked on the run; empty: it was done on one.
	Nodes []Node `json:"nodes,omitempty"`
	// NodesAt is when their figures were written, which is some seconds before what the ledger itself has.
	NodesAt time.Time `json:"nodes_at,omitzero"`
	// Command is the command line that makes the same run again; Folder the working folder.
	Command string `json:"command"`
	Folder  string `json:"folder"`
	Build
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Fingerprint stands for what made the outputs: the plugin's code, the task's arguments, and the files that an item has.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Outputs says that finished items are known by their outputs: the ledger is not asked.
	Outputs bool      `json:"outputs,omitempty"`
	Began   time.Time `json:"began"`
	// End is nil until the run has ended: a run whose host is gone and that has none died.
	End *End `json:"end,omitempty"`
}

// Build is a build of the host: its semantic version, and the commit that it was made from. Modified: the files differed from it.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
}

// String is the version with a short commit.
func (b Build) String() string {
	if b.Commit == "" {
		return b.Version
	}
	short := b.Commit[:min(len(b.Commit), 12)]
	if b.Modified {
		short += ", modified"
	}
	return b.Version + " (" + short + ")"
}

// Plugin is what was run.
type Plugin struct {
	Path    string `json:"path"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	SDK     string `json:"sdk,omitempty"`
	// SHA256 is of the plugin's file; of several files, of the lines that sha256sum prints for them, without their names.
	SHA256 string `json:"sha256,omitempty"`
}

// Placement is which CPUs a worker was given.
type Placement struct {
	Worker string `json:"worker"`
	// CPUs is a list such as 0-3,8, Nodes the NUMA nodes of those.
	CPUs  string `json:"cpus"`
	Nodes []int  `json:"nodes,omitempty"`
	// MemoryNodes are the nodes whose memory it prefers, Threads the number of threads of its numeric libraries.
	MemoryNodes []int `json:"memory_nodes,omitempty"`
	Threads     int   `json:"threads"`
}

// Node is a machine that has worked on the run.
type Node struct {
	Name    string `json:"name"`
	Host    string `json:"host"`
	Workers int    `json:"workers"`
	// Done, Skipped and Failed count items. WorkSeconds is the time of its workers for those done, as far as it is known.
	Done        int64     `json:"done"`
	Skipped     int64     `json:"skipped"`
	Failed      int64     `json:"failed"`
	WorkSeconds float64   `json:"work_seconds,omitempty"`
	Joined      time.Time `json:"joined"`
	// Ended is how its part of the run ended: left, lost, or why it got nothing more; empty: it was there at the end.
	Ended string `json:"ended,omitempty"`
}

// String is the node for users: "node7: done 12, skipped 0, failed 1, 4 workers; lost".
func (n Node) String() string {
	text := fmt.Sprintf("%s: done %d, skipped %d, failed %d, %s", n.Name, n.Done, n.Skipped, n.Failed, count.Of(n.Workers, "worker"))
	if n.Ended != "" {
		text += "; " + n.Ended
	}
	return text
}

// String is the placement for users: "w0: CPUs 0-3 of node 0, 4 threads, memory of node 0".
func (p Placement) String() string {
	text := p.Worker + ": CPU "
	if strings.ContainsAny(p.CPUs, ",-") {
		text = p.Worker + ": CPUs "
	}
	text += p.CPUs
	if len(p.Nodes) > 0 {
		text += " of " + nodes(p.Nodes)
	}
	text += ", " + count.Of(p.Threads, "thread")
	if len(p.MemoryNodes) > 0 {
		text += ", memory of " + nodes(p.MemoryNodes)
	}
	return text
}

func nodes(numbers []int) string {
	text := "node "
	if len(numbers) > 1 {
		text = "nodes "
	}
	return text + strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// The ways in which a run takes up another.
const (
	Resume      = "resume"
	RetryFailed = "retry-failed"
)

// Parent names the run that is taken up.
type Parent struct {
	ID  string `json:"id"`
	Dir string `json:"dir"`
	How string `json:"how"`
}

// Counts are a run's outcomes.
type Counts struct {
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	Failed  int64 `json:"failed"`
	// Unlisted counts folders and files that could not be listed.
	Unlisted int64 `json:"unlisted,omitempty"`
}

// End is how a run ended.
type End struct {
	Time time.Time `json:"time"`
	Counts
	Seconds float64 `json:"seconds"`
	// Exit is the host's exit code, Message what it said.
	Exit    int    `json:"exit"`
	Message string `json:"message,omitempty"`
	// Incomplete says why the ledger does not hold everything; empty: it does.
	Incomplete string `json:"incomplete,omitempty"`
}

// NewID returns an id for a run in a folder of runs, which may be missing: the time in UTC, to the millisecond, and six random digits. It
// sorts after the ids in the folder even if the clock was set back: the last run is the one that was begun last.
func NewID(root string, now time.Time) string {
	const layout, seconds = "20060102-150405.000", len("20060102-150405")
	runs, _ := os.ReadDir(root)
	for _, e := range slices.Backward(runs) {
		name := e.Name()
		if len(name) < seconds+3 {
			continue
		}
		newest, err := time.Parse(layout, name[:seconds]+"."+name[seconds:seconds+3])
		if err != nil {
			continue
		}
		if !now.Truncate(time.Millisecond).After(newest) {
			now = newest.Add(time.Millisecond)
		}
		break
	}
	stamp := strings.Replace(now.UTC().Format(layout), ".", "", 1)
	return fmt.Sprintf("%s-%06x", stamp, rand.Uint32N(1<<24))
}

// DamagedError is about a run whose run.json is cut, or is not JSON.
type DamagedError struct {
	error
	// Info is what it still says.
	Info *Info
}

// salvage takes the whole members of a JSON object that is cut. A run without an id is called like its folder.
func salvage(dir string, data []byte) *Info {
	info := &Info{}
	in := json.NewDecoder(bytes.NewReader(data))
	if start, err := in.Token(); err == nil && start == json.Delim('{') {
		for in.More() {
			key, err := in.Token()
			name, isName := key.(string)
			var value json.RawMessage
			if err != nil || !isName || in.Decode(&value) != nil {
				break
			}
			member, err := json.Marshal(map[string]json.RawMessage{name: value})
			if err == nil {
				// A member of another type than it has to be leaves the others as they are.
				_ = json.Unmarshal(member, info)
			}
		}
	}
	if info.ID == "" {
		info.ID = filepath.Base(dir)
	}
	return info
}

// ReadInfo reads run.json of a run's folder. Its error is a *DamagedError where that is cut or no JSON.
func ReadInfo(dir string) (*Info, error) {
	path := filepath.Join(dir, infoFile)
	data, err := regular.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	var info Info
	if err := json.Unmarshal(data, &info); err != nil {
		return nil, &DamagedError{fmt.Errorf("reading a run: %s: %w", path, err), salvage(dir, data)}
	}
	if info.Format > infoFormat {
		return nil, fmt.Errorf("reading a run: %s is of a later version (format %d): a newer kagurazaka reads it", path, info.Format)
	}
	return &info, nil
}

func writeInfo(dir string, info *Info) error {
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	// It is the user's alone, as command lines have secrets in them.
	return atomicfile.Write(filepath.Join(dir, infoFile), append(data, '\n'), 0)
}

// Status is what a run is at now.
type Status string

// The states of a run.
const (
	Running     Status = "running"
	Done        Status = "done"
	SomeFailed  Status = "some failed"
	Failed      Status = "failed"
	Interrupted Status = "interrupted"
	// Died is a run whose host is gone without having said how the run ended.
	Died Status = "died"
	// Unknown is a run without an end on a file system that has no locks.
	Unknown Status = "unknown"
)

// StatusOf says what a run is at.
func StatusOf(dir string, info *Info) Status {
	if info.End != nil {
		switch info.End.Exit {
		case exitcode.OK:
			return Done
		case exitcode.Partial:
			return SomeFailed
		case exitcode.Interrupted:
			return Interrupted
		default:
			return Failed
		}
	}
	lock, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return Died
	}
	defer func() { _ = lock.Close() }()
	// A shared lock, so that two who ask do not take each other for the run.
	switch err := filelock.TryLockShared(lock); {
	case err == nil:
		return Died
	case errors.Is(err, filelock.ErrHeld):
		return Running
	default:
		return Unknown
	}
}
