package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

// Mark tells a launcher through the run's folder that a node has begun, and later how it ended. A node that is killed leaves no end.
type Mark struct {
	path  string
	began time.Time
	note  marked
}

// marked is the content of a mark.
type marked struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Exit is the node's exit code; nil: it has not ended. Seconds is how long it was there.
	Exit    *int    `json:"exit,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// Begin writes the mark of a node that has begun.
func Begin(path string) (*Mark, error) {
	host, _ := os.Hostname()
	m := &Mark{path: path, began: time.Now(), note: marked{Host: host, PID: os.Getpid()}}
	if err := m.write(); err != nil {
		return nil, fmt.Errorf("telling the launcher that this node has begun: %w; hint: the node must see the run's folder at the same path", err)
	}
	return m, nil
}

// End writes the exit code into it.
func (m *Mark) End(exit int) error {
	m.note.Exit, m.note.Seconds = &exit, time.Since(m.began).Seconds()
	return m.write()
}

func (m *Mark) write() error {
	data, err := json.Marshal(m.note)
	if err != nil {
		return err
	}
	return atomicfile.Write(m.path, append(data, '\n'), 0o644)
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
