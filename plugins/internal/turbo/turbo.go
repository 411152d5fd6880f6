// Package turbo calls libjpeg-turbo through its TurboJPEG interface, loaded when the program runs: building needs no C
// toolchain, and a machine without the library gets an error that says where it was looked for.
package turbo

import (
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// EnvPath names the environment variable that holds the library's path. When it is set, nothing else is tried.
const EnvPath = "KAGURAZAKA_TURBOJPEG"

// FileName is the library's file name, which the loader searches and which the cache folder holds.
const FileName = "libturbojpeg.so.0"

// Error is what libjpeg-turbo said about a picture.
type Error struct {
	Message string
	// Warning is set when the library would have gone on: the picture's data are damaged, or merely unusual.
	Warning bool
}

func (e *Error) Error() string { return e.Message }

// Harmless reports whether a warning is about something that does not touch the picture: stray bytes between its parts or an unknown
// note of the program that wrote it. The library stops at the first warning, so nothing was decoded all the same.
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

// Factors returns how many pixels a colour sample covers in each direction, 0 for a layout that is not handled. Grey has no
// colour samples; its factors are 1.
func (s Subsampling) Factors() (x, y int) {
	switch s {
	case Sub444, SubGray:
		return 1, 1
	case Sub422:
		return 2, 1
	case Sub420:
		return 2, 2
	case Sub440:
		return 1, 2
	case Sub411:
		return 4, 1
	}
	return 0, 0
}

// PlaneSize returns the size of a picture's plane number i: the library pads the planes to whole colour samples.
func (s Subsampling) PlaneSize(i, w, h int) (pw, ph int) {
	fx, fy := s.Factors()
	pw, ph = (w+fx-1)/fx, (h+fy-1)/fy
	if i == 0 {
		return pw * fx, ph * fy
	}
	return pw, ph
}

// ColorSpace is what the components of a JPEG mean, in the library's numbering.
type ColorSpace int32

// The colour spaces of a JPEG.
const (
	RGB ColorSpace = iota
	YCbCr
	Gray
	CMYK
	YCCK
)

// Header is what the library reads from a JPEG before decoding it.
type Header struct {
	Width, Height int
	Subsampling   Subsampling
	ColorSpace    ColorSpace
}

// Scaled returns the length that n pixels have when decoded at eighths/8 of their size.
func Scaled(n, eighths int) int { return (n*eighths + 7) / 8 }

// Load finds the library: where EnvPath says, where the system's loader looks, in the user's cache.
func Load() (*Library, error) {
	lib, err := dynlib.Load("libjpeg-turbo", EnvPath, FileName)
	if err != nil {
		return nil, err
	}
	return bind(lib)
}
