//go:build !((linux || darwin) && (amd64 || arm64))

package dynlib

import (
	"errors"
	"runtime"
)

func open(string) (*Library, error) {
	return nil, errors.New("C libraries are not used on " + runtime.GOOS + "/" + runtime.GOARCH)
}
