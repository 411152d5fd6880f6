//go:build !linux

package cpu

import "errors"

func here() Topology { return unknown() }

// CanPin reports whether processes can be given CPUs on this system.
const CanPin = false

// Start calls start. On this system the process that it starts has all CPUs.
func (s Set) Start(start func() error) (refused, err error) {
	if !s.IsZero() {
		refused = errors.New("this system cannot give a process CPUs of its own")
	}
	return refused, start()
}

// PreferAllowed says why workers cannot be made to prefer the memory of their nodes.
func PreferAllowed() error { return errors.New("this system has no memory policies") }
