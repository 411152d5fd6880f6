package plugin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

const (
	// maxLine is where a longer line of a plugin's output is broken: a progress bar in user code may be megabytes
	// without a newline.
	maxLine = 8 << 10
	// tailLines and tailWidth bound what is kept for a diagnosis.
	tailLines = 12
	tailWidth = 400
)

// stderrLog hands what a plugin process writes to the host's log and remembers the last lines.
type stderrLog struct {
	log hclog.Logger
	// raw gets output that is not a log line, unchanged; nil: the log gets it.
	raw io.Writer

	mu   sync.Mutex
	last []string
	// memory is the last line about a failed allocation. It may be far above the last lines.
	memory string
}

func newStderrLog(log hclog.Logger, raw io.Writer) *stderrLog { return &stderrLog{log: log, raw: raw} }

// drain reads until EOF, or until the reader is closed.
func (l *stderrLog) drain(r io.Reader) {
	if l.raw != nil {
		l.drainRaw(r)
		return
	}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			l.line(string(line))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// drainRaw copies what comes, at once and as it is. Only what may be a line of a log waits for its end.
func (l *stderrLog) drainRaw(r io.Reader) {
	in := bufio.NewReaderSize(r, maxLine)
	atStart := true
	var line []byte
	for {
		first, err := in.Peek(1)
		if err != nil {
			return
		}
		if atStart && first[0] == '{' {
			text, err := in.ReadSlice('\n')
			if level, message, args, ok := parseHclog(strings.TrimRight(string(text), "\r\n")); ok {
				l.remember(strings.TrimSuffix(message+": "+keyValues(args), ": "))
				l.log.Log(level, message, args...)
			} else {
				line = l.copy(line, text)
			}
			atStart = bytes.HasSuffix(text, []byte("\n"))
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
			continue
		}
		text, _ := in.Peek(in.Buffered())
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			text = text[:i+1]
		}
		line = l.copy(line, text)
		atStart = bytes.HasSuffix(text, []byte("\n"))
		_, _ = in.Discard(len(text))
	}
}

// copy writes a text as it is, and remembers the line that ends with it. line is what came of that before; it returns what waits for more.
func (l *stderrLog) copy(line, text []byte) []byte {
	// The run goes on without its terminal.
	_, _ = l.raw.Write(text)
	if len(line) < tailWidth {
		line = append(line, text...)
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		return line
	}
	if said := strings.TrimSpace(string(line)); said != "" {
		l.remember(said)
	}
	return line[:0]
}

func (l *stderrLog) line(line string) {
	line = strings.TrimRight(line, "\r\n")
	// On a terminal the last state of an overwritten line remains.
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	if strings.IndexByte(line, '\x1b') >= 0 {
		line = decoration.ReplaceAllString(line, "")
	}
	if strings.TrimSpace(line) == "" {
		return
	}
	if level, message, args, ok := parseHclog(line); ok {
		l.remember(strings.TrimSuffix(message+": "+keyValues(args), ": "))
		l.log.Log(level, message, args...)
		return
	}
	l.remember(line)
	l.log.Info(line)
}

// decoration is what loggers and progress bars write for a terminal: colours, a line up, the rest of a line erased. It says
// nothing in a log, which shows all other sequences escaped.
var decoration = regexp.MustCompile(`\x1b\[[0-9;:]*[mAK]`)

func (l *stderrLog) remember(line string) {
	line = clipTo(line, tailWidth)
	l.mu.Lock()
	defer l.mu.Unlock()
	if tellsOfMemory(line) {
		l.memory = line
	}
	l.last = append(l.last, line)
	if len(l.last) > tailLines {
		l.last = l.last[len(l.last)-tailLines:]
	}
}

// tail returns the last lines, oldest first.
func (l *stderrLog) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.last)
}

// takeMemory returns the last line about a failed allocation, once.
func (l *stderrLog) takeMemory() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.memory
	l.memory = ""
	return line
}

// keyValues writes the pairs of a log line for a diagnosis.
func keyValues(args []any) string {
	var words []string
	for pair := range slices.Chunk(args, 2) {
		words = append(words, fmt.Sprintf("%v=%v", pair...))
	}
	return strings.Join(words, " ")
}

// parseHclog reads a line of hclog's JSON format.
func parseHclog(line string) (hclog.Level, string, []any, bool) {
	if !strings.HasPrefix(line, "{") {
		return 0, "", nil, false
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return 0, "", nil, false
	}
	message, ok := fields["@message"].(string)
	level, hasLevel := fields["@level"].(string)
	if !ok || !hasLevel {
		return 0, "", nil, false
	}
	var args []any
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(k, "@") {
			args = append(args, k, fields[k])
		}
	}
	if module, ok := fields["@module"].(string); ok && module != "" {
		args = append(args, "module", module)
	}
	parsed := hclog.LevelFromString(level)
	if parsed == hclog.NoLevel {
		parsed = hclog.Info
	}
	return parsed, message, args, true
}

// workerLog reads what a worker that a plugin made itself writes to its stdout and stderr. The worker opens a named
// pipe for it, or does not: the host does not wait for that.
type workerLog struct {
	path string
	log  *stderrLog
	in   *os.File
	// hold is a writing end of the host's own: without it the pipe would end before the worker has opened it.
	hold    *os.File
	drained chan struct{}
}

func newWorkerLog(path string, log hclog.Logger, raw io.Writer) (*workerLog, error) {
	// A file of that name is of a worker that was never seen to start.
	_ = os.Remove(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making a pipe for a worker's log: %w", err)
	}
	// Without O_NONBLOCK either would wait for the other end.
	in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the pipe of a worker's log: %w", err), os.Remove(path))
	}
	hold, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the pipe of a worker's log: %w", err), in.Close(), os.Remove(path))
	}
	l := &workerLog{path: path, log: newStderrLog(log, raw), in: in, hold: hold, drained: make(chan struct{})}
	go func() {
		defer close(l.drained)
		l.log.drain(in)
	}()
	return l, nil
}

// opened is called once the worker has the pipe, if it ever opens it. From then on the pipe ends with the worker and its children.
func (l *workerLog) opened() {
	_ = l.hold.Close()
	_ = os.Remove(l.path)
}

// end reads the rest of the pipe. It does not wait for children of the worker that hold it open. l may be nil.
func (l *workerLog) end() {
	if l == nil {
		return
	}
	l.opened()
	waitOr(l.drained, drainTime, func() { _ = l.in.Close() })
	_ = l.in.Close()
}
