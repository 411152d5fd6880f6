//go:build unix && !linux

package guard

// beFirst is for Linux, where a container's first process has to reap.
func beFirst() {}
