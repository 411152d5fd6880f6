package launch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// Join is how a node that hangs on a lifeline joins its run. It comes on the node's standard input, so that no command line shows the secret.
type Join struct {
	URL string `json:"url"`
	// Secret is the content of a token file.
	Secret string `json:"secret"`
}

// joinedLine is what a node on a lifeline prints once it has joined.
const joinedLine = "kagurazaka: the node has joined"

// Joined tells the launcher of a node on a lifeline that it has joined.
func Joined(to io.Writer) error {
	_, err := io.WriteString(to, joinedLine+"\n")
	return err
}

// drainLine follows the Join when the node is to leave.
const drainLine = "drain"

// maxLine is more than the lines of a lifeline have.
const maxLine = 1 << 20

// errLifeline ends a node whose launcher is gone: ssh leaves its process alive when the connection ends.
var errLifeline = exitcode.With(exitcode.Failed, errors.New("the launcher is gone: its connection has ended"))

// Lifeline reads how to join from a launcher. told is closed when the launcher says that the node must leave, or with drain; life ends when the
// launcher is gone. stop ends both without a reason.
func Lifeline(ctx context.Context, drain <-chan struct{}, from io.Reader) (join Join, life context.Context, told <-chan struct{}, stop func(), err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	if !lines.Scan() {
		return join, nil, nil, nil, exitcode.Usagef("--lifeline: nothing came on standard input; hint: it is for kagurazaka launch ssh, which starts nodes with it")
	}
	if err := json.Unmarshal(lines.Bytes(), &join); err != nil || join.URL == "" {
		return join, nil, nil, nil, exitcode.Usagef("--lifeline: what came on standard input does not say how to join; hint: it is for kagurazaka launch ssh of the same version")
	}
	life, cancel := context.WithCancelCause(ctx)
	gone := life.Done()
	leave, line := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		for lines.Scan() {
			if lines.Text() == drainLine {
				select {
				case line <- struct{}{}:
				default:
				}
			}
		}
		cancel(errLifeline)
	}()
	go func() {
		select {
		case <-line:
		case <-drain:
		case <-gone:
			return
		}
		close(leave)
	}()
	return join, life, leave, func() { cancel(nil) }, nil
}

// line is the Join as a lifeline carries it.
func (j Join) line() (string, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return "", fmt.Errorf("telling a node how to join: %w", err)
	}
	return string(text) + "\n", nil
}
