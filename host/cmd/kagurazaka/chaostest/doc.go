// Package chaostest holds the tests of every way to die: plugins that misbehave, processes that are killed, disks that run
// full. They use the built host with real plugins. docs/design/deaths.md has the table that they check.
package chaostest
