package main

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/sdk/cuda"
)

// withoutCUDA is why there is no CUDA device to test with. The tests run on one when they are built with the tag cuda on a
// machine that has it.
func withoutCUDA() error {
	device, err := cuda.OpenDevice("cuda:0")
	if err != nil {
		return fmt.Errorf("not compared with a CUDA device: %w", err)
	}
	device.Close()
	return nil
}
