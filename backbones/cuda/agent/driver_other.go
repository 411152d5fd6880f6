//go:build !(linux && (amd64 || arm64))

package main

import "runtime"

func open() (driver, error) {
	return nil, &hintedError{"CUDA is not used on " + runtime.GOOS + "/" + runtime.GOARCH, "run with --device cpu"}
}
