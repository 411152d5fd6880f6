//go:build race

package hosttest

// raceFlag builds the host with the race detector when the tests run with it.
var raceFlag = []string{"-race"}
