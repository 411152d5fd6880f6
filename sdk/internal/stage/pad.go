package stage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// whole are the integer types, with their smallest number and the first that is too large.
var whole = map[string][2]float64{
	"bool": {0, 2}, "uint8": {0, 1 << 8}, "int8": {-1 << 7, 1 << 7}, "uint16": {0, 1 << 16}, "int16": {-1 << 15, 1 << 15},
	"uint32": {0, 1 << 32}, "int32": {-1 << 31, 1 << 31}, "uint64": {0, 1 << 64}, "int64": {-1 << 63, 1 << 63},
}

// element returns the bytes of a number as an element of a type.
func element(dtype string, value float64) ([]byte, error) {
	size := sizes[dtype]
	var bits uint64
	switch dtype {
	case "float64":
		bits = math.Float64bits(value)
	case "float32":
		bits = uint64(math.Float32bits(float32(value)))
	case "bfloat16":
		bits = uint64(bfloat16(float32(value)))
	case "float16":
		bits = uint64(float16(float32(value)))
	default:
		limits := whole[dtype]
		if value != math.Trunc(value) || value < limits[0] || value >= limits[1] {
			return nil, fmt.Errorf("the value %v of Pad is not a number of the type %s", value, dtype)
		}
		if bits = uint64(value); value < 0 {
			bits = uint64(int64(value))
		}
	}
	all := binary.NativeEndian.AppendUint64(nil, bits)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return all[:size], nil
	}
	return all[8-size:], nil
}

// bfloat16 rounds to the nearest, of two equally near ones to the even.
func bfloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if math.IsNaN(float64(v)) {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// float16 rounds to the nearest, of two equally near ones to the even.
func float16(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, rest := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case rest > 0x7f800000:
		return sign | 0x7e00
	case rest >= 0x477ff000: // rounds to more than the largest, or is infinite
		return sign | 0x7c00
	case rest < 0x38800000: // subnormal: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(rest))*(1<<24)))
	}
	return sign | uint16((rest-0x38000000+0xfff+rest>>13&1)>>13)
}

// spread copies an array into a larger one with the same number of dimensions, whose other elements become fill.
func spread(to []byte, toShape []int, from []byte, fromShape []int, fill []byte) {
	if slices.Equal(toShape, fromShape) {
		copy(to, from)
		return
	}
	toRow, fromRow := len(fill), len(fill)
	for d := 1; d < len(toShape); d++ {
		toRow, fromRow = toRow*toShape[d], fromRow*fromShape[d]
	}
	for i := range fromShape[0] {
		spread(to[i*toRow:(i+1)*toRow], toShape[1:], from[i*fromRow:(i+1)*fromRow], fromShape[1:], fill)
	}
	repeat(to[fromShape[0]*toRow:], fill)
}

// repeat fills an array with one element.
func repeat(to, fill []byte) {
	if len(bytes.Trim(fill, "\x00")) == 0 {
		clear(to)
		return
	}
	for n := copy(to, fill); n < len(to); {
		n += copy(to[n:], to[:n])
	}
}
