// Package lazily makes what few commands need when it is first used, so that the start of the others does not pay for it.
package lazily

import (
	"regexp"
	"sync"
)

// Regexp compiles a pattern at the first call.
func Regexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
