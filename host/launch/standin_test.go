package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// The test program is the node, too: what launchers start in place of `kagurazaka work`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "stand-in" {
		os.Exit(standIn(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// standInWords are the command line of a stand-in. manner is what it does: see standIn.
func standInWords(t *testing.T, manner string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "stand-in", manner}
}

func standIn(args []string) int {
	switch args[0] {
	case "lifeline":
		return hang()
	case "fail":
		fmt.Fprintln(os.Stderr, "error: this node has no folder /data")
		return 1
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	mark := args[slices.Index(args, "--mark")+1]
	return exitcode.Of(Marked(mark, func() error {
		switch args[0] {
		case "stubborn":
			// It does not listen to signals.
			return stay(nil, filepath.Dir(mark))
		case "stay":
			return stay(told, filepath.Dir(mark))
		}
		// As a node that begins, and is refused.
		err := errors.New("wrong token")
		fmt.Fprintln(os.Stderr, "error:", err)
		return err
	}))
}

// stay waits for a signal, or for the end of the run: the file "over" beside the marks.
func stay(told <-chan os.Signal, dir string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-told:
			return errDrained
		case <-tick.C:
			if _, err := os.Stat(filepath.Join(dir, "over")); err == nil {
				return nil
			}
			if _, err := os.Stat(dir); err != nil {
				// The test is over.
				return err
			}
		}
	}
}

// hang is a node on a lifeline: it gets a page through the tunnel, and prints it.
func hang() int {
	join, life, drain, stop, err := Lifeline(context.Background(), nil, os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 2
	}
	defer stop()
	request, err := http.NewRequestWithContext(life, http.MethodGet, join.URL+"?pid="+fmt.Sprint(os.Getpid()), http.NoBody)
	if err != nil {
		return 1
	}
	request.Header.Set("Authorization", join.Secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	fmt.Printf("the coordinator says %s\n", body)
	if string(body) == "go away" {
		return 7
	}
	select {
	case <-drain:
		fmt.Println("leaving")
		return 130
	case <-life.Done():
		return 1
	}
}

// events are what a launcher logs, one line each.
type events struct {
	lines chan string
	all   []string
}

func newEvents(t *testing.T) (Log, *events) {
	t.Helper()
	r, w := io.Pipe()
	e := &events{lines: make(chan string, 10_000)}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			e.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = w.Close() })
	return hclog.New(&hclog.LoggerOptions{Name: "kagurazaka", Output: w, Level: hclog.Debug, DisableTime: true}), e
}

// wait waits for a line with all of some words.
func (e *events) wait(t *testing.T, words ...string) string {
	t.Helper()
	late := time.After(3 * time.Minute)
	for {
		select {
		case line := <-e.lines:
			e.all = append(e.all, line)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return line
			}
		case <-late:
			t.Fatalf("no line with %q; there were:\n%s", words, strings.Join(e.all, "\n"))
		}
	}
}

// rest is everything that was logged.
func (e *events) rest() string {
	for {
		select {
		case line := <-e.lines:
			e.all = append(e.all, line)
		case <-time.After(200 * time.Millisecond):
			return strings.Join(e.all, "\n")
		}
	}
}
