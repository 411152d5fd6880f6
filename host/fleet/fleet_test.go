package fleet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick has heartbeats that a test can wait for.
func quick() Options { return Options{Beat: 5 * time.Millisecond, Stale: 200 * time.Millisecond} }

func take(t *testing.T, dir string) *Coordinator {
	t.Helper()
	c, err := Take(context.Background(), dir, quick())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// die ends a coordinator as a signal would.
func die(t *testing.T, c *Coordinator) {
	t.Helper()
	close(c.stop)
	c.stopped.Wait()
	if err := c.file.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestACoordinatorIsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := take(t, dir)
	_, err := Take(context.Background(), dir, quick())
	if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "has a coordinator already: process") {
		t.Errorf("a second one: %v", err)
	}
	die(t, first)
	second := take(t, dir)
	if second.Generation != first.Generation+1 {
		t.Errorf("generation %d after %d", second.Generation, first.Generation)
	}
	if err := second.Close(true); err != nil {
		t.Fatal(err)
	}
	third := take(t, dir)
	if third.Generation != 3 {
		t.Errorf("generation %d", third.Generation)
	}
	if err := third.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestOneOfManyReplacesADeadCoordinator: the first one that comes.
func TestOneOfManyReplacesADeadCoordinator(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	die(t, take(t, dir))
	var mu sync.Mutex
	var taken []*Coordinator
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if c, err := Take(context.Background(), dir, quick()); err == nil {
				mu.Lock()
				taken = append(taken, c)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(taken) != 1 {
		t.Fatalf("%d coordinators", len(taken))
	}
	if err := taken[0].Close(true); err != nil {
		t.Fatal(err)
	}
}

// elsewhere rewrites a coordinator's file as one of another machine, whose locks are not seen here.
func elsewhere(t *testing.T, c *Coordinator) {
	t.Helper()
	c.holder = outputs.Owner{Host: "far", Machine: "m", Boot: "b", PID: 1}
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	if err := c.file.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.file, err = os.OpenFile(c.generationPath(c.Generation), os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
}

func TestHeartbeatsTellOfAnotherMachine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first, err := Take(context.Background(), dir, Options{Beat: time.Hour, Stale: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere(t, first)
	// It moves while another one looks.
	o := quick()
	o.Stale = time.Minute
	o.Waits = func(outputs.Owner, time.Duration) {
		if _, err := first.file.WriteAt([]byte{1}, beatAt); err != nil {
			t.Error(err)
		}
	}
	if _, err := Take(context.Background(), dir, o); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("beside a living one: %v", err)
	}
	// It does not move any more.
	second := take(t, dir)
	if err := second.Close(false); err != nil {
		t.Fatal(err)
	}
	die(t, first)
}

// TestACoordinatorThatWasReplacedDoesNotEndTheRun, also before its heartbeat has found out.
func TestACoordinatorThatWasReplacedDoesNotEndTheRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c, err := Take(context.Background(), dir, Options{Beat: time.Hour, Stale: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Announce(Contact{Fleet: "f"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.generationPath(c.Generation+1), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(true); err != nil {
		t.Fatal(err)
	}
	if contact, err := Find(dir); err != nil || contact.Ended {
		t.Errorf("%+v, %v", contact, err)
	}
}

// TestACoordinatorThatWasTakenForDeadIsTold.
func TestACoordinatorThatWasTakenForDeadIsTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := take(t, dir)
	if err := os.WriteFile(first.generationPath(first.Generation+1), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-first.Lost()
	if err := first.Close(true); err != nil {
		t.Fatal(err)
	}
}

func TestWhatOutlivesACoordinator(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Find(dir); err == nil {
		t.Error("a coordinator is found before there was one")
	}
	first := take(t, dir)
	token, err := first.Token(func(earlier string) (string, error) { return earlier + "t1", nil })
	if err != nil || token != "t1" {
		t.Fatal(token, err)
	}
	if _, err := first.Certificate(func() ([]byte, error) { return []byte("c1"), nil }); err != nil {
		t.Fatal(err)
	}
	if err := first.Announce(Contact{URLs: []string{"nats://127.0.0.1:4000"}, Fleet: "f"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{tokenFile, certificateFile, contactFile} {
		if info, err := os.Stat(filepath.Join(dir, "fleet", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	die(t, first)
	second := take(t, dir)
	if c, ok := second.Earlier(); !ok || c.URLs[0] != "nats://127.0.0.1:4000" || c.Generation != 1 || c.Ended {
		t.Errorf("%+v %v", c, ok)
	}
	if token, err := second.Token(func(earlier string) (string, error) { return earlier, nil }); err != nil || token != "t1" {
		t.Error(token, err)
	}
	if text, err := ReadToken(TokenFile(dir)); err != nil || text != "t1" {
		t.Error(text, err)
	}
	if got, err := second.Certificate(func() ([]byte, error) { return nil, errors.New("made again") }); err != nil || string(got) != "c1" {
		t.Error(got, err)
	}
	if err := second.Announce(Contact{Fleet: "f"}); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(true); err != nil {
		t.Fatal(err)
	}
	if c, err := Find(dir); err != nil || !c.Ended || c.Generation != 2 {
		t.Errorf("%+v %v", c, err)
	}
}

// TestARunThatNeverBeganLeavesNothing.
func TestARunThatNeverBeganLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := take(t, dir)
	if _, err := c.Token(func(string) (string, error) { return "t", nil }); err != nil {
		t.Fatal(err)
	}
	c.Discard()
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// TestWhatACoordinatorLeaves: the next one learns whom it has to wait for.
func TestWhatACoordinatorLeaves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := take(t, dir)
	if b := first.Before(); b.Known {
		t.Errorf("the first one follows %+v", b)
	}
	first.Nodes(300)
	die(t, first)
	second := take(t, dir)
	if b := second.Before(); !b.Known || b.Settled || b.Nodes != 300 || b.Gone > time.Minute {
		t.Errorf("a killed one has left %+v", b)
	}
	if err := second.Close(true); err != nil {
		t.Fatal(err)
	}
	third := take(t, dir)
	if b := third.Before(); !b.Known || b.Settled || b.Nodes != 0 {
		t.Errorf("one that ended has left %+v", b)
	}
	third.Settle()
	if err := third.Close(true); err != nil {
		t.Fatal(err)
	}
	fourth := take(t, dir)
	if b := fourth.Before(); !b.Settled {
		t.Errorf("one that ended with nothing under way has left %+v", b)
	}
	if err := fourth.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestACoordinatorThatWasStoppedIsNotSureToBeAlone: it may have been taken for dead.
func TestACoordinatorThatWasStoppedIsNotSureToBeAlone(t *testing.T) {
	c, err := Take(context.Background(), filepath.Join(t.TempDir(), "run"), Options{Beat: time.Hour, Stale: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Alone() {
		t.Error("a new coordinator is not sure to be alone")
	}
	c.began = c.began.Add(-2 * time.Hour)
	if c.Alone() {
		t.Error("a coordinator is sure to be alone after two hours without a look")
	}
	if err := c.Close(true); err != nil {
		t.Fatal(err)
	}
}
