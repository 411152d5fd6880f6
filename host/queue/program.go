package queue

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
)

const (
	// MaxProgram is the size of the largest plugin that nodes get.
	MaxProgram = 1 << 30
	// programCost is how many requests of its allowance a node pays for a piece of the plugin, so that one node gets 200 MiB a second at most.
	programCost = 50
	// maxReading bounds the pieces that are read at once.
	maxReading = 4
)

// sendProgram answers with a piece of the plugin from its own goroutine, because no request may wait for a disk.
func (d *desk) sendProgram(m *nats.Msg, member *member, offset uint64) {
	select {
	case d.reading <- struct{}{}:
	default:
		d.reply(m, answer{status: statusAgain})
		return
	}
	go func() {
		defer func() { <-d.reading }()
		_ = m.Respond(d.program(member, offset).encode()) // a node whose answer is lost asks again
	}()
}

// program answers with the piece of the plugin that begins at an offset; an empty one: the plugin ends there.
func (d *desk) program(m *member, offset uint64) answer {
	from := d.queue.options.Program
	if from == nil || offset > MaxProgram {
		return refusal(refuse(NotAdmitted, "the coordinator does not send the run's plugin"))
	}
	d.mu.Lock()
	allowed := m.allowance >= programCost
	if allowed {
		m.allowance -= programCost
	}
	d.mu.Unlock()
	if !allowed {
		return answer{status: statusAgain}
	}
	if cap(d.buffer) < d.queue.piece {
		d.buffer = make([]byte, 0, d.queue.piece)
	}
	b := d.buffer[:d.queue.piece]
	n, err := from.ReadAt(b, int64(offset)) //nolint:gosec // at most MaxProgram
	if err != nil && !errors.Is(err, io.EOF) {
		return refusal(refuse(NotAdmitted, "the coordinator cannot read the run's plugin: %s", err))
	}
	return answer{status: statusOK, parts: 1, body: b[:n]}
}

// Program writes the run's plugin, of size bytes, as the coordinator sends it. It may be damaged: the caller checks what was written.
func (s *Session) Program(ctx context.Context, size int64, to io.Writer) error {
	if size < 0 || size > MaxProgram {
		return refuse(Limits, "the run's plugin has %d bytes: the most that is sent is %d", size, MaxProgram)
	}
	for offset := int64(0); offset < size; {
		f := fetch{thing: thingProgram, id: uint64(offset)} //nolint:gosec // not negative
		b, err := s.ask(ctx, func(l *link) ([]byte, error) { return l.fetch(ctx, f, nil) })
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return fmt.Errorf("the coordinator has %d bytes of the run's plugin, and announced %d: the file was changed", offset, size)
		}
		b = b[:min(int64(len(b)), size-offset)]
		if _, err := to.Write(b); err != nil {
			return err
		}
		offset += int64(len(b))
	}
	return nil
}
