// Package turbo calls libjpeg-turbo through its TurboJPEG interface. It loads the library at run time, so building needs no
// C toolchain. Without the library, the error lists where Load looked.
package turbo

import "strings"

// Error is an error or warning of libjpeg-turbo.
type Error struct {
	Message string
	// Warning: the picture's data are damaged or unusual, but the library could continue.
	Warning bool
}

func (e *Error) Error() string { return e.Message }

// Harmless reports whether a warning does not affect the picture: stray bytes between its parts, or an unknown note of the
// program that wrote it. The library stops at such a warning too, and decodes nothing.
func (e *Error) Harmless() bool {
	return e.Warning && (strings.Contains(e.Message, "extraneous bytes") || strings.Contains(e.Message, "Unknown Adobe color transform"))
}

// Subsampling is the layout of a picture's colour planes, in the library's numbering.
type Subsampling int32

// The layouts that have planes to decode to. Other values, if the library has them, are not handled.
const (
	Sub444 Subsampling = iota
	Sub422
	Sub420
	SubGray
	Sub440
	Sub411
)

// Factors returns the number of pixels that a colour sample covers across and down, 0 for an unknown layout, and 1 for grey.
func (s Subsampling) Factors() (x, y int) {
	f := factors[s]
	return f[0], f[1]
}

var factors = map[Subsampling][2]int{Sub444: {1, 1}, Sub422: {2, 1}, Sub420: {2, 2}, SubGray: {1, 1}, Sub440: {1, 2}, Sub411: {4, 1}}

// PlaneSize returns the size of a picture's plane i, padded to whole colour samples.
func (s Subsampling) PlaneSize(i, w, h int) (pw, ph int) {
	fx, fy := s.Factors()
	pw, ph = (w+fx-1)/fx, (h+fy-1)/fy
	if i == 0 {
		return pw * fx, ph * fy
	}
	return pw, ph
}

// ColorSpace is the meaning of a JPEG's components, in the library's numbering.
type ColorSpace int32

// The colour spaces of a JPEG.
const (
	RGB ColorSpace = iota
	YCbCr
	Gray
	CMYK
	YCCK
)

// Header is a JPEG's header, as the library reads it.
type Header struct {
	Width, Height int
	Subsampling   Subsampling
	ColorSpace    ColorSpace
}

// Scaled returns the length that n pixels have when decoded at eighths/8 of their size.
func Scaled(n, eighths int) int { return (n*eighths + 7) / 8 }
