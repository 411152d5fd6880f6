package thumb

import (
	"encoding/binary"
	"errors"
	"image"
	"math"

	"github.com/kagurazaka/kagurazaka/plugins/internal/tiffhead"
)

// libtiff returns samples in the machine's byte order.
var native = binary.NativeEndian

// numberReaders read sample i of a row of signed, large or floating-point numbers, by their format and bits.
var numberReaders = map[[2]int]func(row []byte, i int) float64{
	{tiffhead.Unsigned, 32}: func(row []byte, i int) float64 { return float64(native.Uint32(row[4*i:])) },
	{tiffhead.Signed, 16}:   func(row []byte, i int) float64 { return float64(int16(native.Uint16(row[2*i:]))) },
	{tiffhead.Signed, 32}:   func(row []byte, i int) float64 { return float64(int32(native.Uint32(row[4*i:]))) },
	{tiffhead.Float, 16}:    func(row []byte, i int) float64 { return half(native.Uint16(row[2*i:])) },
	{tiffhead.Float, 32}:    func(row []byte, i int) float64 { return float64(math.Float32frombits(native.Uint32(row[4*i:]))) },
	{tiffhead.Float, 64}:    func(row []byte, i int) float64 { return math.Float64frombits(native.Uint64(row[8*i:])) },
}

// half converts a floating-point number of 16 bits.
func half(v uint16) float64 {
	const bias, digits = 15, 10
	exponent, fraction := int(v>>digits&31), float64(v&(1<<digits-1))
	number := math.Ldexp(fraction, 1-bias-digits)
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		number = math.Inf(1)
	case exponent > 0:
		number = math.Ldexp(fraction+1<<digits, exponent-bias-digits)
	}
	if v>>15 == 1 {
		return -number
	}
	return number
}

// readTIFFNumbers reads grey or colours of numbers without a fixed range, such as measurements. It uses the range in the
// file, or else the smallest common range that includes all numbers, or else their own range.
func (p *processor) readTIFFNumbers(file blocks, h *tiffhead.Header) (image.Image, error) {
	number := numberReaders[[2]int{h.Format, h.Bits}]
	if number == nil || h.Colours() > 3 {
		return nil, errors.New("the picture's samples are numbers of an unknown kind")
	}
	colours := h.Colours()
	values := make([]float32, colours*h.Width*h.Height)
	low, high := math.Inf(1), math.Inf(-1)
	err := p.readTIFFRows(file, h, func(x, y, n, first, per int, row []byte) {
		for c := first; c < min(first+per, colours); c++ {
			out := values[colours*(y*h.Width+x):]
			for i := range n {
				v := number(row, i*per+c-first)
				out[colours*i+c] = float32(v)
				if !math.IsInf(v, 0) && !math.IsNaN(v) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if h.Ranged {
		low, high = h.Min, h.Max
	} else {
		low, high = rangeOf(low, high, h.Format == tiffhead.Signed)
	}
	byteOf := func(v float32) uint8 {
		share := (float64(v) - low) / (high - low)
		if h.Photometric == tiffhead.WhiteIsZero {
			share = 1 - share
		}
		if !(share > 0) { // NaN is black
			return 0
		}
		return uint8(min(share, 1)*255 + 0.5)
	}
	size := image.Rect(0, 0, h.Width, h.Height)
	if colours == 1 {
		m := image.NewGray(size)
		for i, v := range values {
			m.Pix[i] = byteOf(v)
		}
		return m, nil
	}
	m := image.NewRGBA(size)
	for i := range h.Width * h.Height {
		copy(m.Pix[4*i:], []byte{byteOf(values[3*i]), byteOf(values[3*i+1]), byteOf(values[3*i+2]), 255})
	}
	return m, nil
}

// rangeOf returns the values for black and white, given the lowest and the highest one.
func rangeOf(low, high float64, signed bool) (black, white float64) {
	if low >= 0 {
		for _, white := range []float64{1, 255, 32767, 65535} {
			if high <= white && (white != 32767 || signed) {
				return 0, white
			}
		}
	}
	if low < high {
		return low, high
	}
	return low, low + 1
}
