// Package starter holds the tasks that `kagurazaka new` writes. They are tasks like any other: linted, and run by tests.
package starter

import "embed"

// Files has a folder for each language. The names in the files are Example and example.
//
//go:embed python/*.py go/*.go
var Files embed.FS
