package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// driver is what the agent asks the machine.
type driver interface {
	// version is the driver's, as "580.95.05"; cuda is the newest CUDA version that it knows, as "12.9".
	version() (driver, cuda string)
	// count is how many devices there are.
	count() (int, error)
	// describe fills everything but the memory.
	describe(index int) (gpureport.Device, error)
	// memory is asked again and again, and must be cheap.
	memory(index int) (used, total int64, err error)
	close()
}

func list(out io.Writer, d driver) error {
	n, err := d.count()
	if err != nil {
		return fmt.Errorf("counting the devices: %w", err)
	}
	answer := gpureport.List{Devices: []gpureport.Device{}}
	answer.Driver, answer.CUDA = d.version()
	for i := range n {
		found, err := d.describe(i)
		if err == nil {
			var used int64
			used, found.MemoryTotal, err = d.memory(i)
			found.MemoryFree = found.MemoryTotal - used
		}
		found.Index = i
		if err != nil {
			found.Error = err.Error()
		}
		answer.Devices = append(answer.Devices, found)
	}
	return json.NewEncoder(out).Encode(answer)
}

// watch prints a sample at once and at every tick, until ctx ends or nobody reads any more. devices nil: all.
func watch(ctx context.Context, out io.Writer, d driver, devices []int, ticks <-chan time.Time) error {
	n, err := d.count()
	if err != nil {
		return fmt.Errorf("counting the devices: %w", err)
	}
	if devices == nil {
		for i := range n {
			devices = append(devices, i)
		}
	}
	for _, i := range devices {
		if i >= n {
			return &hintedError{fmt.Sprintf("there is no device %d: this machine has %d", i, n), "kagurazaka-cuda-agent list names them"}
		}
	}
	to := json.NewEncoder(out)
	now := time.Now()
	for to.Encode(sampled(d, devices, now)) == nil {
		select {
		case <-ctx.Done():
			return nil
		case now = <-ticks:
		}
	}
	return nil // the reader has gone
}

func sampled(d driver, devices []int, now time.Time) gpureport.Sample {
	s := gpureport.Sample{Time: now.UTC(), Devices: []gpureport.Reading{}}
	for _, i := range devices {
		r := gpureport.Reading{Index: i}
		var err error
		if r.MemoryUsed, r.MemoryTotal, err = d.memory(i); err != nil {
			r.Error = err.Error()
		}
		s.Devices = append(s.Devices, r)
	}
	return s
}
