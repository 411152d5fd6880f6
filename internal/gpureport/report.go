// Package gpureport has the JSON that kagurazaka-cuda-agent prints and the host reads. Memory is in bytes.
package gpureport

import "time"

// List is the answer to list.
type List struct {
	Driver  string   `json:"driver"`
	CUDA    string   `json:"cuda"`
	Devices []Device `json:"devices"`
	Failure
}

// Failure is printed instead of an answer.
type Failure struct {
	Error string `json:"error,omitempty"`
	// Hint is what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Device is a GPU.
type Device struct {
	Index             int    `json:"index"`
	Name              string `json:"name"`
	UUID              string `json:"uuid"`
	ComputeCapability string `json:"compute_capability"`
	MemoryTotal       int64  `json:"memory_total"`
	MemoryFree        int64  `json:"memory_free"`
	// PCI is the address on the bus, as below /sys/bus/pci/devices; empty: not known.
	PCI string `json:"pci,omitempty"`
	// Error is the error of a device that does not answer. The other fields may be empty then.
	Error string `json:"error,omitempty"`
}

// Sample is one line of watch.
type Sample struct {
	Time    time.Time `json:"time"`
	Devices []Reading `json:"devices"`
}

// Reading is a device's state at one time.
type Reading struct {
	Index       int    `json:"index"`
	MemoryUsed  int64  `json:"memory_used"`
	MemoryTotal int64  `json:"memory_total"`
	Error       string `json:"error,omitempty"`
}
