package launch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

// Marked does a node's work between two marks in a file, from which a launcher knows through the run's folder that a node has begun, and how it
// ended. A node that is killed leaves no end. Without a path there are no marks.
func Marked(path string, work func() error) error {
	if path == "" {
		return work()
	}
	began := time.Now()
	host, _ := os.Hostname()
	m := marked{Host: host, PID: os.Getpid()}
	if err := m.write(path); err != nil {
		return exitcode.Usagef("telling the launcher that this node has begun: %w; hint: the machine must see the run's folder at the same path", err)
	}
	err := work()
	exit := exitcode.Of(err)
	m.Exit, m.Seconds = &exit, time.Since(began).Seconds()
	return errors.Join(err, m.write(path))
}

// marked is the content of a mark.
type marked struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Exit is the node's exit code; nil: it has not ended. Seconds is how long it was there.
	Exit    *int    `json:"exit,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

func (m marked) write(path string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o644)
}

const (
	markSuffix = ".node"
	logSuffix  = ".log"
)

// readMark returns the mark of a node and its text; ok is false when there is none, or it cannot be read now.
func readMark(dir, element string) (m marked, text string, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, element+markSuffix))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return m, "", false
	}
	return m, string(data), true
}

// tail is the last lines of a file, at most of so many bytes.
func tail(path string, bytes int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	from := max(0, info.Size()-bytes)
	text, err := io.ReadAll(io.NewSectionReader(f, from, bytes))
	if from > 0 {
		if _, whole, ok := strings.Cut(string(text), "\n"); ok {
			return whole, err
		}
	}
	return string(text), err
}
