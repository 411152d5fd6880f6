package terminal

import (
	"bytes"
	"io"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// logLimit bounds one entry.
const logLimit = 16 << 10

// Log is the output of a hclog.Logger without colours. It cleans each entry, indents its lines but the first, and colours it by
// level.
type Log struct {
	Out   io.Writer
	Color bool
}

// Write takes an entry without a level.
func (l *Log) Write(p []byte) (int, error) { return l.LevelWrite(hclog.NoLevel, p) }

// LevelWrite takes an entry.
func (l *Log) LevelWrite(level hclog.Level, p []byte) (int, error) {
	// A task may print millions of entries, most of them one clean line.
	if !l.Color && len(p) <= logLimit && bytes.IndexByte(p, '\n') == len(p)-1 && unclean(p) < 0 {
		return l.Out.Write(p)
	}
	text := Block(strings.TrimRight(string(p), " \n"), "    ", logLimit)
	if on := styles[level]; l.Color && on != "" {
		text = on + text + "\x1b[0m"
	}
	// The line end comes last, so that a screen sees a whole line.
	if _, err := io.WriteString(l.Out, text+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}

var styles = map[hclog.Level]string{
	hclog.Trace: "\x1b[92m", hclog.Debug: "\x1b[97m", hclog.Info: "\x1b[94m", hclog.Warn: "\x1b[93m", hclog.Error: "\x1b[91m",
}
