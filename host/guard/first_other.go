//go:build unix && !linux

package guard

// beFirst is for Linux, where the first process of a container must reap orphans.
func beFirst() {}
