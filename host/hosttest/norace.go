//go:build !race

package hosttest

var raceFlag []string
