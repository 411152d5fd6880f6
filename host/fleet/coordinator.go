package fleet

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/host/outputs"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// Options are how a living coordinator is distinguished from a dead one.
type Options struct {
	// Owner describes this process.
	Owner outputs.Owner
	// Beat is the time between two heartbeats, Stale the time without one after which a coordinator is dead; 0: 2 s and 15 s.
	Beat, Stale time.Duration
	// Waits is called before a wait of at most that time for a heartbeat of another machine's coordinator. May be nil.
	Waits func(other outputs.Owner, most time.Duration)
}

// Coordinator is this process as the one coordinator of a run. It must be closed.
type Coordinator struct {
	// Generation counts the coordinators of the run, from 1.
	Generation uint64

	dir     string
	made    bool
	options Options
	holder  outputs.Owner
	file    *os.File
	earlier Contact
	contact Contact
	began   time.Time
	before  Before
	settled bool
	lost    chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup
	// nodes is what Nodes was told, and noted wakes the goroutine that writes it.
	nodes atomic.Uint32
	noted chan struct{}
	// alone is when this coordinator was last found to be the only one, as a time since began.
	alone atomic.Int64
}

// Before is what the coordinator before this one has left in the folder.
type Before struct {
	// Known: there was one, and its state is known. Settled: it ended with no lease or grant in use.
	Known, Settled bool
	// Nodes is the number of machines that worked for it, its own not counted.
	Nodes int
	// Gone is how long ago, at least, it was alive.
	Gone time.Duration
}

// The file "generation-N" is the coordinator's. A process that finds the coordinator of generation N dead creates the file of N+1 by link(2), which
// succeeds for one process only, also on network file systems. A coordinator that was taken for dead sees the next file, and ends. The file has a
// state, a count that grows with each heartbeat, the number of nodes, and the owner as JSON.
const (
	generationPrefix = "generation-"
	beatAt           = 8
	nodesAt          = 12
	ownerAt          = 16
)

var generationName = regexp.MustCompile(`^` + generationPrefix + `([0-9]+)$`)

// The states of a coordinator.
var (
	working = []byte("kgzworks")
	closed  = []byte("kgzended")
	settled = []byte("kgzquiet")
)

// Take makes this process the coordinator of the run in a folder, which it creates if necessary. While another coordinator works, it returns an error.
func Take(ctx context.Context, runDir string, o Options) (_ *Coordinator, err error) {
	if o.Beat == 0 {
		o.Beat, o.Stale = 2*time.Second, 15*time.Second
	}
	_, missing := os.Lstat(runDir)
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	c := &Coordinator{
		dir: path(runDir), options: o, holder: o.Owner.Here(), lost: make(chan struct{}), stop: make(chan struct{}), noted: make(chan struct{}, 1),
		made: errors.Is(missing, fs.ErrNotExist), began: time.Now(),
	}
	c.holder.PID = os.Getpid()
	if err := os.Mkdir(c.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the folder of the run's coordinator: %w", err)
	}
	if err := c.take(ctx); err != nil {
		c.removeIfMade()
		return nil, err
	}
	if earlier, err := Find(runDir); err == nil {
		c.earlier = earlier
	}
	c.alone.Store(int64(time.Since(c.began)))
	c.stopped.Go(c.beat)
	return c, nil
}

// take creates the file of the next generation.
func (c *Coordinator) take(ctx context.Context) error {
	parent, err := os.OpenRoot(filepath.Dir(c.dir))
	if err != nil {
		return fmt.Errorf("opening the run's folder: %w", err)
	}
	defer func() { _ = parent.Close() }()
	dir, err := beneath.Open(parent, ledger.FleetFolder)
	if err != nil {
		return fmt.Errorf("opening the folder of the run's coordinator: %w", err)
	}
	defer func() { _ = dir.Close() }()
	own := beneath.NewProbeName()
	if c.file, err = dir.OpenFile(own, os.O_CREATE|os.O_EXCL|os.O_RDWR, secret); err != nil {
		return fmt.Errorf("making the file of the run's coordinator: %w", err)
	}
	defer func() { _ = dir.Remove(own) }()
	if err := c.begin(); err != nil {
		_ = c.file.Close()
		return fmt.Errorf("writing the file of the run's coordinator: %w", err)
	}
	for {
		last, err := c.lastGeneration()
		if err == nil && last > 0 {
			err = c.gone(ctx, last)
		}
		if err != nil {
			_ = c.file.Close()
			return err
		}
		c.Generation = last + 1
		err = os.Link(filepath.Join(c.dir, own), c.generationPath(c.Generation))
		// The file server's answer may have been lost.
		if info, statErr := os.Lstat(c.generationPath(c.Generation)); statErr == nil {
			if mine, mineErr := c.file.Stat(); mineErr == nil && os.SameFile(info, mine) {
				c.forgetEarlier()
				return nil
			}
		}
		if !errors.Is(err, fs.ErrExist) {
			_ = c.file.Close()
			return fmt.Errorf("making the file of the run's coordinator: %w", err)
		}
	}
}

// begin fills the file, locked, before it has its name.
func (c *Coordinator) begin() error {
	// On file systems without locks, heartbeats decide.
	_ = filelock.TryLock(c.file)
	text, err := json.Marshal(c.holder)
	if err != nil {
		return err
	}
	_, err = c.file.WriteAt(append(append(append([]byte{}, working...), make([]byte, ownerAt-beatAt)...), text...), 0)
	return err
}

func (c *Coordinator) generationPath(n uint64) string {
	return filepath.Join(c.dir, generationPrefix+strconv.FormatUint(n, 10))
}

// lastGeneration is the newest generation; 0: none.
func (c *Coordinator) lastGeneration() (last uint64, err error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return 0, fmt.Errorf("looking for the run's coordinator: %w", err)
	}
	for _, e := range entries {
		if m := generationName.FindStringSubmatch(e.Name()); m != nil {
			if n, err := strconv.ParseUint(m[1], 10, 64); err == nil {
				last = max(last, n)
			}
		}
	}
	return last, nil
}

// forgetEarlier removes the files of earlier generations.
func (c *Coordinator) forgetEarlier() {
	entries, _ := os.ReadDir(c.dir)
	for _, e := range entries {
		if m := generationName.FindStringSubmatch(e.Name()); m != nil {
			if n, err := strconv.ParseUint(m[1], 10, 64); err == nil && n < c.Generation {
				_ = os.Remove(filepath.Join(c.dir, e.Name()))
			}
		}
	}
}

// sighting is a coordinator's file as it was seen.
type sighting struct {
	state string
	owner outputs.Owner
	beat  string
	nodes uint32
	at    time.Time
}

// see reads the file of a generation. It opens the file each time, because a network file system then shows what other machines have written.
func (c *Coordinator) see(n uint64) (s sighting, file *os.File, err error) {
	file, err = os.OpenFile(c.generationPath(n), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, nil, err
	}
	info, err := file.Stat()
	data := []byte{}
	if err == nil {
		data, err = io.ReadAll(io.NewSectionReader(file, 0, 1<<16))
	}
	if err != nil {
		_ = file.Close()
		return s, nil, err
	}
	s.at = info.ModTime()
	if len(data) >= ownerAt {
		s.state, s.beat = string(data[:beatAt]), string(data[beatAt:ownerAt])
		s.nodes = binary.BigEndian.Uint32(data[nodesAt:])
		_ = json.Unmarshal(data[ownerAt:], &s.owner)
	}
	return s, file, nil
}

// leaves records what the coordinator before has left.
func (c *Coordinator) leaves(s sighting) {
	own, err := c.file.Stat()
	if err != nil || s.state == "" {
		return
	}
	// Both times are the file system's.
	gone := own.ModTime().Sub(s.at) + time.Since(c.began)
	if s.state == string(working) {
		gone -= c.options.Beat
	}
	c.before = Before{Known: true, Settled: s.state == string(settled), Nodes: int(s.nodes), Gone: max(gone, 0)}
}

// gone returns nil once the coordinator of a generation is dead, or why it may not be replaced.
func (c *Coordinator) gone(ctx context.Context, n uint64) error {
	var first sighting
	var began time.Time
	for {
		s, file, err := c.see(n)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking at the run's coordinator: %w", err)
		}
		lockErr := filelock.TryLockShared(file)
		_ = file.Close()
		c.leaves(s)
		switch {
		case s.state == string(closed), s.state == string(settled):
			return nil
		case errors.Is(lockErr, filelock.ErrHeld):
			return atWork(s.owner)
		case lockErr == nil && c.holder.SameSystem(s.owner), c.holder.Restarted(s.owner):
			return nil
		case began.IsZero():
			if own, err := c.file.Stat(); err == nil && own.ModTime().Sub(s.at) > c.options.Stale {
				return nil
			}
			first, began = s, time.Now()
			if c.options.Waits != nil {
				c.options.Waits(s.owner, c.options.Stale)
			}
		case s.beat != first.beat || !s.at.Equal(first.at):
			return atWork(s.owner)
		case time.Since(began) > c.options.Stale:
			return nil
		}
		select {
		case <-time.After(c.options.Beat / 2):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func atWork(o outputs.Owner) error {
	return exitcode.Usagef("the run has a coordinator already: process %d on %s, since %s; hint: kagurazaka work --run-dir DIR adds a machine to it",
		o.PID, o.Host, o.Since.Format(time.RFC3339))
}

// beat writes heartbeats until the coordinator is closed or replaced.
func (c *Coordinator) beat() {
	ticker := time.NewTicker(c.options.Beat)
	defer ticker.Stop()
	var n [nodesAt - beatAt]byte
	for {
		select {
		case <-c.stop:
			c.writeNodes()
			return
		case <-c.noted:
			c.writeNodes()
			continue
		case <-ticker.C:
		}
		for i := range n {
			if n[i]++; n[i] != 0 {
				break
			}
		}
		began := time.Since(c.began)
		// A full disk does not matter: the bytes are there already.
		_, _ = c.file.WriteAt(n[:], beatAt)
		switch replaced, err := c.replaced(); {
		case replaced:
			close(c.lost)
			return
		case err == nil:
			c.alone.Store(int64(began))
		}
	}
}

// replaced reports whether there is a later coordinator.
func (c *Coordinator) replaced() (bool, error) {
	_, err := os.Lstat(c.generationPath(c.Generation + 1))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// writeNodes writes the number of nodes. Without it, the next coordinator waits some seconds longer.
func (c *Coordinator) writeNodes() {
	_, _ = c.file.WriteAt(binary.BigEndian.AppendUint32(nil, c.nodes.Load()), nodesAt)
}

// Alone reports whether this process is certainly the only coordinator. When it was stopped, or the file system did not answer, for almost Stale, another
// process may have taken it for dead.
func (c *Coordinator) Alone() bool {
	return time.Since(c.began)-time.Duration(c.alone.Load()) < c.options.Stale-c.options.Beat
}

// Before is the state that the coordinator before this one has left.
func (c *Coordinator) Before() Before { return c.before }

// Nodes records for the next coordinator how many machines work for this one, its own not counted. It does not wait for the disk.
func (c *Coordinator) Nodes(n int) {
	c.nodes.Store(uint32(n)) //nolint:gosec // at most queue.MaxNodes
	select {
	case c.noted <- struct{}{}:
	default:
	}
}

// Settle records that no lease or grant of this coordinator is in use any more, so that the next one need not wait.
func (c *Coordinator) Settle() { c.settled = true }

// Lost is closed when another process has become the coordinator, because this one was stopped for long.
func (c *Coordinator) Lost() <-chan struct{} { return c.lost }

// Close ends this process as the coordinator. ended: the run has ended, and needs no other coordinator.
func (c *Coordinator) Close(ended bool) error {
	close(c.stop)
	c.stopped.Wait()
	var err error
	if replaced, _ := c.replaced(); ended && !replaced && c.contact.Fleet != "" {
		c.contact.Ended = true
		err = c.write(c.contact)
	}
	state := closed
	if c.settled {
		state = settled
	}
	_, writeErr := c.file.WriteAt(state, 0)
	return errors.Join(err, writeErr, c.file.Close())
}

// Discard closes the coordinator of a run that never began, and removes its files.
func (c *Coordinator) Discard() {
	_ = c.Close(false)
	if _, before := c.Earlier(); before {
		return
	}
	for _, name := range []string{tokenFile, certificateFile, contactFile} {
		_ = os.Remove(filepath.Join(c.dir, name))
	}
	_ = os.Remove(c.generationPath(c.Generation))
	_ = os.Remove(c.dir)
	c.removeIfMade()
}

// removeIfMade removes the run's folder if it is empty and Take has created it.
func (c *Coordinator) removeIfMade() {
	_ = os.Remove(c.dir)
	if c.made {
		_ = os.Remove(filepath.Dir(c.dir))
	}
}
