package launch

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Slurm starts nodes as the elements of an array of jobs, and replaces those that end.
type Slurm struct {
	Run  Run
	Node Node
	Log  Log
	// Nodes is how many to start, Keep how many of them to keep by replacing those that ended, GPUs how many each needs.
	Nodes, Keep, GPUs int
	// DrainBefore is how long before the end of its time a node is told to leave.
	DrainBefore time.Duration
	// Detach: the launcher leaves once Slurm has the nodes.
	Detach bool
	// Args are further words for sbatch.
	Args []string

	// every is the time between two calls of squeue, poll that between two looks at the nodes' marks; 0: a minute, a second.
	every, poll time.Duration
	// standIn is started in place of the node, in tests.
	standIn []string
}

// patience is how long Slurm may take to answer; sbatch may wait for plugins of the site.
const (
	lookPatience   = 30 * time.Second
	submitPatience = 2 * time.Minute
)

func (s *Slurm) user() string { return strconv.Itoa(os.Getuid()) }

// Check returns what is wrong with the options and what is missing on this machine.
func (s *Slurm) Check() error {
	if err := s.check(); err != nil {
		return err
	}
	for _, name := range []string{"sbatch", "squeue", "scancel"} {
		if err := find(name, "run the launcher on a machine from which jobs are submitted to Slurm, a login node; PATH must have sbatch, squeue and scancel"); err != nil {
			return err
		}
	}
	return nil
}

// Start submits the nodes, and keeps them until the run is over. The first signal (drain) lets the nodes leave; the end of ctx cancels them.
func (s *Slurm) Start(ctx context.Context, drain <-chan struct{}) error {
	if err := s.Check(); err != nil {
		return err
	}
	warn(s.Log, s.warnings())
	if err := os.MkdirAll(s.folder(), 0o755); err != nil {
		return fmt.Errorf("making the folder for the nodes' logs: %w", err)
	}
	k := &keeper{Slurm: s, book: newBook(func(text string, about ...any) { s.Log.Info(text, about...) })}
	return k.work(ctx, drain)
}

// keeper is a launch at work.
type keeper struct {
	*Slurm
	book *book
	// silent: squeue did not answer at the last look; refused: calls of sbatch without success, one after another.
	silent  bool
	refused int
	// leaving: the nodes were told to leave; over: the run has ended; stopped is why no node is started any more.
	leaving, over bool
	stopped       error
	// afterEnd counts the looks since the run ended.
	afterEnd int
}

func (k *keeper) work(ctx context.Context, drain <-chan struct{}) error {
	rows, err := k.look(ctx)
	if err != nil {
		return fmt.Errorf("asking Slurm for its queue: %w; hint: squeue must work here before nodes can be started", err)
	}
	k.book.seen(rows)
	k.readMarks()
	if missing := k.Nodes - k.book.live(); missing > 0 {
		err := k.submit(ctx, missing)
		if ctx.Err() != nil {
			// Slurm may have taken them.
			k.cancelAll()
			return errEnded
		}
		if err != nil {
			return err
		}
	}
	if k.Detach && !k.book.unconfirmed() {
		k.Log.Info("the nodes are left to Slurm: none is replaced", "cancel them with", "scancel "+shell(k.scancel()))
		return nil
	}
	look := time.NewTicker(cmp.Or(k.every, time.Minute))
	defer look.Stop()
	poll := time.NewTimer(k.pollTime())
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			k.cancelAll()
			return errEnded
		case <-drain:
			drain = nil
			k.leave(ctx)
		case <-poll.C:
			k.readMarks()
			k.noteEnd(ctx)
			poll.Reset(k.pollTime())
		case <-look.C:
			k.noteEnd(ctx)
			k.tick(ctx)
		}
		if done, err := k.done(); done {
			return err
		}
	}
}

// pollTime spares a network file system: reading a mark takes it a message or two.
func (k *keeper) pollTime() time.Duration {
	const each = 5 * time.Millisecond
	return cmp.Or(k.poll, time.Second) + time.Duration(k.book.live())*each
}

func (k *keeper) look(ctx context.Context) ([]row, error) {
	k.book.asking()
	out, _, err := tool{"squeue", lookPatience}.run(ctx, "", k.squeue()...)
	if err != nil {
		return nil, err
	}
	return readQueue(out), nil
}

// tick asks Slurm how things are, and replaces nodes.
func (k *keeper) tick(ctx context.Context) {
	rows, err := k.look(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		if !k.silent {
			k.Log.Warn("Slurm does not say how the nodes are; they continue, and none is replaced until it does", "error", err)
		}
		k.silent = true
		return
	}
	if k.silent {
		k.silent = false
		k.Log.Info("Slurm answers again")
	}
	k.readMarks()
	k.book.seen(rows)
	if k.over {
		if k.afterEnd++; k.afterEnd > 1 && k.book.live() > 0 {
			k.Log.Warn("nodes are still there a while after the end of the run: they are cancelled", "nodes", strings.Join(k.book.open(), " "))
			k.cancelAll()
			k.stopped = errors.New("nodes did not end with the run, and were cancelled")
		}
		return
	}
	if k.tooEarly() || k.leaving {
		return
	}
	wanted := k.Keep
	if k.book.unsubmitted() {
		// Not one was accepted yet.
		wanted = k.Nodes
	}
	if missing := wanted - k.book.live(); missing > 0 {
		if err := k.submit(ctx, missing); err != nil && ctx.Err() == nil {
			const most = 3
			k.refused++
			k.Log.Warn("sbatch refuses to replace nodes", "error", err, "again", fmt.Sprintf("%d of %d", k.refused, most))
			if k.refused >= most {
				k.stopped = err
			}
			return
		}
		k.refused = 0
	}
}

// tooEarly stops the launch after some starts that failed, and shows why.
func (k *keeper) tooEarly() bool {
	if k.stopped != nil || len(k.book.deaths) < maxEarly {
		return k.stopped != nil
	}
	k.stopped = exitcode.With(exitcode.Failed, fmt.Errorf("%s ended within %s of their start, one after another: no more are started%s", count.Of(len(k.book.deaths), "node"), early, k.deathsText()))
	k.cancelPending(context.Background())
	return true
}

// deathsText is the end of the logs of the nodes that died early.
func (k *keeper) deathsText() string {
	const bytes = 2000
	var text strings.Builder
	for _, key := range k.book.deaths[:min(len(k.book.deaths), maxEarly)] {
		path := filepath.Join(k.folder(), key+logSuffix)
		last, err := tail(path, bytes)
		switch {
		case err != nil:
			fmt.Fprintf(&text, "\n%s: there is no log: %v; hint: does the machine see the run's folder at this path?", key, err)
		case strings.TrimSpace(last) == "":
			fmt.Fprintf(&text, "\n%s: %s is empty", key, path)
		default:
			fmt.Fprintf(&text, "\n%s: the end of %s:\n  %s", key, path, terminal.Block(last, "  ", bytes))
		}
	}
	return text.String()
}

// submit starts nodes by one call of sbatch. It returns an error where Slurm refuses them; a lost reply is found again by squeue.
func (k *keeper) submit(ctx context.Context, n int) error {
	batch, err := newBatch()
	if err != nil {
		return err
	}
	out, complaints, err := tool{"sbatch", submitPatience}.run(ctx, k.script(batch), k.sbatch(batch, n)...)
	var failed *failedError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &failed) && !unsure(failed.stderr):
		return fmt.Errorf("%s cannot be started: %w; hint: kagurazaka launch slurm --explain asks Slurm without starting any", count.Of(n, "node"), err)
	case err != nil:
		k.book.submitted(batch, "", n)
		k.Log.Warn("sbatch did not answer: squeue will tell what came of it", "error", err)
		return nil
	}
	job, _, _ := strings.Cut(strings.TrimSpace(out), ";")
	k.book.submitted(batch, job, n)
	k.Log.Info("submitted", "nodes", n, "job", job, "name", k.jobName(), "batch", batch)
	if complaints != "" {
		k.Log.Warn("sbatch says", "text", terminal.Line(complaints, maxID*10))
	}
	return nil
}

// unsure reports whether sbatch failed without knowing whether Slurm has the job.
func unsure(stderr string) bool {
	for _, text := range []string{"timed out", "Unable to contact", "communication", "Connection refused", "Zero Bytes", "temporarily unable"} {
		if strings.Contains(stderr, text) {
			return true
		}
	}
	return false
}

func newBatch() (string, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

func (k *keeper) readMarks() {
	for _, key := range k.book.open() {
		if m, text, ok := readMark(k.folder(), key); ok {
			k.book.marked(key, m, text)
		}
	}
	k.tooEarly()
}

// noteEnd takes what waits out of the queue when the run has ended. The nodes end by themselves.
func (k *keeper) noteEnd(ctx context.Context) {
	if k.over || k.Run.Ended == nil || !k.Run.Ended() {
		return
	}
	k.over = true
	k.Log.Info("the run has ended")
	if k.book.live() > 0 {
		k.cancelPending(ctx)
	}
}

// leave tells the nodes to leave, those that wait first.
func (k *keeper) leave(ctx context.Context) {
	k.leaving = true
	k.Log.Info("the nodes leave the run: they finish what they have begun; a second signal cancels them")
	k.cancelPending(ctx)
	k.cancel(ctx, "--batch", "--signal=TERM")
}

// cancelPending takes the nodes that have not begun out of the queue. One that begins just now is told to leave, or finds the end of the run.
func (k *keeper) cancelPending(ctx context.Context) {
	k.cancel(ctx, "--state=PENDING")
	k.book.dropWaiting()
}

// cancelAll ends the nodes at once, also when the launcher's own context has ended.
func (k *keeper) cancelAll() { k.cancel(context.Background()) }

func (k *keeper) cancel(ctx context.Context, more ...string) {
	if _, _, err := (tool{"scancel", lookPatience}).run(ctx, "", k.scancel(more...)...); err != nil && ctx.Err() == nil {
		k.Log.Warn("jobs could not be cancelled", "error", err, "command", "scancel "+shell(k.scancel(more...)))
	}
}

// done reports whether the launcher has nothing left to do, and how it ends.
func (k *keeper) done() (bool, error) {
	waits := k.book.live() > 0
	switch {
	case k.over && (!waits || k.stopped != nil):
		return true, k.stopped
	case k.leaving && !waits:
		return true, errDrained
	case k.stopped != nil:
		if waits {
			k.Log.Info("nodes that run stay until the run ends", "nodes", strings.Join(k.book.open(), " "))
		}
		return true, k.stopped
	case k.Detach && !k.book.unconfirmed():
		return true, nil
	case !waits && k.Keep == 0 && !k.book.unsubmitted():
		if len(k.book.deaths) > 0 {
			return true, exitcode.With(exitcode.Failed, fmt.Errorf("every node has ended, and the run has not%s", k.deathsText()))
		}
		k.Log.Info("every node has ended, and the run has not; hint: --keep replaces nodes")
		return true, nil
	}
	return false, nil
}

// Print says what would be started: the call of sbatch and the script.
func (s *Slurm) Print(w io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	warn(s.Log, append(s.warnings(), s.Run.doubts(context.Background())...))
	const batch = "BATCH"
	_, err := fmt.Fprintf(w, "%s <<'EOF'\n%sEOF\n", shell(append([]string{"sbatch"}, s.sbatch(batch, s.Nodes)...)), s.script(batch))
	return err
}
