//go:build !(cuda && linux)

package main

func open() (driver, error) {
	return nil, &hintedError{"this kagurazaka-cuda-agent was built without CUDA", "build it with `task build:cuda`, which needs a C compiler and no CUDA"}
}
