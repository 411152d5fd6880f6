package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Output is stdout or stderr. It cleans all text that is written to it. Write JSON through JSON, and clean text with styles through
// Raw.
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

// JSON is the stream for JSON text. It writes hidden characters as JSON's escapes, which changes no value.
func (o *Output) JSON() io.Writer { return jsonWriter{o.to} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(p []byte) (int, error) {
	if unclean(p) < 0 {
		return w.to.Write(p)
	}
	// Such characters are only in strings, where JSON escapes those below the space already.
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

// Err is the first error of writing to the stream.
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

// JSON makes foreign JSON text valid UTF-8, for a JSON document of ours.
func JSON(text []byte) json.RawMessage { return bytes.ToValidUTF8(text, []byte("\uFFFD")) }
