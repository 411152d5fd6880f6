// Package kernel has the CUDA kernels that resize pictures.
package kernel

import _ "embed" // the kernels' text

// PTX is what make_ptx.py made of resize.cu. The driver compiles it for its card.
//
//go:embed resize.ptx
var PTX string

// The kernels' names.
const (
	Down   = "resize_down"
	Across = "resize_across"
)
