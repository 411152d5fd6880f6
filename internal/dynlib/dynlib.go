// Package dynlib loads C libraries when the program runs, so that building needs no C toolchain. Without a library, the error lists
// where it was looked for.
package dynlib

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Library is a loaded C library.
type Library struct {
	// Path is the loaded file.
	Path string

	handle uintptr
}

// Load loads a library: the file in the environment variable env if it is set, otherwise the first of the files that the system's
// loader or the user's cache has.
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

// CacheDir returns the folder for libraries in the user's cache.
func CacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "kagurazaka", "lib"), nil
}
