package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// StartBatchWorker starts a worker of a device task that makes its own batches, and asks it how many there are. The process that makes
// the batches also works on them: its loader is made once, after the model. Its errors are those of StartWorker.
func StartBatchWorker(ctx context.Context, command Command, start StartOptions, open OpenOptions, heartbeats bool, warn func(string)) (w backbones.Worker, batches int, err error) {
	// It is alone: on the CPU its threads are the device.
	start.Worker, start.Stdin = false, true
	w, err = startWorker(ctx, command, start, open, heartbeats, func(p *Process) (err error) {
		batches, err = p.batches(ctx, open.Task, warn)
		return err
	})
	return w, batches, err
}

// batches asks a process how many batches the task's own loader makes.
func (p *Process) batches(ctx context.Context, task string, warn func(string)) (int, error) {
	l, err := p.list(ctx, task, true, warn)
	if err != nil {
		return 0, err
	}
	defer l.cancel()
	block, err := l.Next(ctx)
	if err == nil || errors.Is(err, io.EOF) {
		err = cmp.Or(l.rest(ctx), err)
	}
	switch {
	case errors.Is(err, io.EOF):
		return 0, nil
	case err != nil:
		return 0, err
	case block.Encoding != backbones.Indexed:
		return 0, &backbones.FatalError{Err: fmt.Errorf("listing the batches of %s: the plugin answered with items, where a number of batches was asked for", task)}
	}
	return block.Count, nil
}

// rest reads a listing to its end: one that is broken off would end what the process does next.
func (l *Lister) rest(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	for {
		if _, err := l.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return l.proc.callError(ctx, "listing the items of "+l.task, err)
		}
	}
}
