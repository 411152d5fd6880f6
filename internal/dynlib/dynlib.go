// Package dynlib finds C libraries when the program runs: building needs no C toolchain, and a machine without a library gets an error that says
// where it was looked for.
package dynlib

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Library is a C library that was loaded. It stays loaded until the program ends.
type Library struct {
	// Path is the file that was loaded.
	Path string

	handle uintptr
}

// Load loads the library called name: the file that the environment variable env says, and nothing else, if it is set; otherwise
// one of the files, looked for by the system's loader and then in the user's cache.
func Load(name, env string, files ...string) (*Library, error) {
	if path := os.Getenv(env); path != "" {
		lib, err := open(path)
		if err != nil {
			return nil, fmt.Errorf("loading %s from %s, as %s says: %w", name, path, env, err)
		}
		return lib, nil
	}
	places := files
	if cache, err := CacheDir(); err == nil {
		for _, file := range files {
			places = append(places[:len(places):len(places)], filepath.Join(cache, file))
		}
	}
	var tried []error
	for _, place := range places {
		lib, err := open(place)
		if err == nil {
			return lib, nil
		}
		tried = append(tried, err)
	}
	return nil, fmt.Errorf("loading %s: %w", name, errors.Join(tried...))
}

// CacheDir returns the folder where libraries are looked for last, in the user's cache.
func CacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "kagurazaka", "lib"), nil
}
