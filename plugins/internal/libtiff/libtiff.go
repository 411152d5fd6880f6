// Package libtiff calls libtiff, loaded when the program runs, for the pictures that Go's decoder does not know.
package libtiff

import (
	"runtime"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// EnvPath names the environment variable that holds the library's path. When it is set, nothing else is tried.
const EnvPath = "KAGURAZAKA_LIBTIFF"

// FileNames returns the library's names, newest first: the loader searches them, and the cache folder holds one.
func FileNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"libtiff.6.dylib", "libtiff.5.dylib"}
	}
	return []string{"libtiff.so.6", "libtiff.so.5"}
}

// Load finds the library: where EnvPath says, where the system's loader looks, in the user's cache.
func Load() (*Library, error) {
	lib, err := dynlib.Load("libtiff", EnvPath, FileNames()...)
	if err != nil {
		return nil, err
	}
	return bind(lib)
}
