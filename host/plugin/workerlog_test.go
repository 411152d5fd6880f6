package plugin

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

func TestWorkerLog(t *testing.T) {
	var out bytes.Buffer
	log := hclog.New(&hclog.LoggerOptions{Name: "worker-3", Output: &out})
	open := func(t *testing.T) *workerLog {
		l, err := newWorkerLog(filepath.Join(t.TempDir(), "log"), log, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("what the worker wrote is read to its end", func(t *testing.T) {
		l := open(t)
		worker, err := os.OpenFile(l.path, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		l.opened()
		if _, err := worker.WriteString("first\nlast words"); err != nil {
			t.Fatal(err)
		}
		_ = worker.Close()
		l.end()
		if got := l.log.tail(); !slices.Equal(got, []string{"first", "last words"}) {
			t.Errorf("the end of its log is %q", got)
		}
		if !strings.Contains(out.String(), "worker-3: last words") {
			t.Errorf("the host's log has %q", out.String())
		}
	})
	t.Run("a worker that never opens it", func(t *testing.T) {
		l := open(t)
		l.opened()
		l.end()
		if _, err := os.Stat(l.path); !os.IsNotExist(err) {
			t.Errorf("the pipe is left: %v", err)
		}
	})
	t.Run("a child that keeps it open", func(t *testing.T) {
		l := open(t)
		child, err := os.OpenFile(l.path, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = child.Close() }()
		l.end()
	})
}
