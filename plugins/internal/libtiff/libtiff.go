// Package libtiff calls libtiff, loaded at run time, for the pictures that Go's decoder does not support.
package libtiff

import (
	"runtime"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// EnvPath is the environment variable for the library's path. If it is set, Load tries nothing else.
const EnvPath = "KAGURAZAKA_LIBTIFF"

// FileNames returns the library's file names for the loader and in the cache folder, newest first.
func FileNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"libtiff.6.dylib", "libtiff.5.dylib"}
	}
	return []string{"libtiff.so.6", "libtiff.so.5"}
}

// Load loads the library from EnvPath, or else by the system's loader, or else from the user's cache.
func Load() (*Library, error) {
	lib, err := dynlib.Load("libtiff", EnvPath, FileNames()...)
	if err != nil {
		return nil, err
	}
	return bind(lib)
}
