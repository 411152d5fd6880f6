package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxLogBytes is how long a run's log gets.
	maxLogBytes = 16 << 20
	// maxEarlyLog is how much is kept until there is a run.
	maxEarlyLog = 256 << 10
)

// Log is an io.Writer for the host's log. It keeps what comes before Open, and never fails: what cannot be written is left out.
type Log struct {
	mu    sync.Mutex
	early []byte
	file  *os.File
	size  int
	off   bool
}

// Write takes a line of the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.off:
	case l.file == nil:
		if len(l.early)+len(p) <= maxEarlyLog {
			l.early = append(l.early, p...)
		}
	case l.size+len(p) > maxLogBytes:
		_, _ = fmt.Fprintf(l.file, "the log is cut here: it has reached %d MiB\n", maxLogBytes>>20)
		l.off = true
	default:
		l.write(p)
	}
	return len(p), nil
}

func (l *Log) write(p []byte) {
	n, err := l.file.Write(p)
	l.size += n
	l.off = err != nil
}

// Open begins to write to the log of a run's folder.
func (l *Log) Open(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.off, l.early = true, nil
		return fmt.Errorf("writing the run's log: %w", err)
	}
	l.file = file
	l.write(l.early)
	l.early = nil
	return nil
}

// Close ends the log.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off, l.early = true, nil
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
