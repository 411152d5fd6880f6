package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Output is a stream of this program's. What is written to it is cleaned: it is the net below all that prints. JSON goes through
// JSON, and text with styles of ours that is clean already through Raw.
type Output struct{ to *recorder }

// NewOutput returns an output to a stream.
func NewOutput(to io.Writer) *Output { return &Output{&recorder{to: to}} }

// Write prints cleaned text.
func (o *Output) Write(p []byte) (int, error) {
	if unclean(p) < 0 {
		return o.to.Write(p)
	}
	if _, err := io.WriteString(o.to, Clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw is the stream itself.
func (o *Output) Raw() io.Writer { return o.to }

// JSON is the stream for JSON text: what a terminal would obey is written as JSON's own escapes, which changes no value.
func (o *Output) JSON() io.Writer { return jsonWriter{o.to} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(p []byte) (int, error) {
	if unclean(p) < 0 {
		return w.to.Write(p)
	}
	// Such characters are in strings alone, and those below the blank are escaped there already.
	var b strings.Builder
	for _, r := range string(p) {
		if r == 0x7f || hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	if _, err := io.WriteString(w.to, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Err is why the stream could not be written for the first time; nil: it could.
func (o *Output) Err() error {
	o.to.mu.Lock()
	defer o.to.mu.Unlock()
	return o.to.err
}

// recorder remembers the first error.
type recorder struct {
	mu  sync.Mutex
	to  io.Writer
	err error
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.to.Write(p)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n, err
}

// JSON is JSON text of somebody else's as part of a JSON document of ours: it is valid UTF-8.
func JSON(text []byte) json.RawMessage { return bytes.ToValidUTF8(text, []byte("\uFFFD")) }
