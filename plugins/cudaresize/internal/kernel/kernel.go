// Package kernel has the CUDA kernels that resize pictures.
package kernel

import _ "embed" // the kernels' text

// PTX is resize.cu, compiled by make_ptx.py. The driver compiles it for the card.
//
//go:embed resize.ptx
var PTX string

// The kernels' names.
const (
	Down   = "resize_down"
	Across = "resize_across"
)
