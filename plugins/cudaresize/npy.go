package main

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// npyHeader is the header of a NumPy file: the elements' type and shape, padded to a multiple of 64 bytes.
func npyHeader(descr string, shape []int) []byte {
	var sides strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&sides, "%d, ", n)
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, strings.TrimSpace(sides.String()))
	const fixed = 10 // magic, version and length
	text += strings.Repeat(" ", 63-(fixed+len(text))%64) + "\n"
	out := append(make([]byte, 0, fixed+len(text)), "\x93NUMPY\x01\x00"...)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(text)))
	return append(out, text...)
}
