//go:build !((linux || darwin) && (amd64 || arm64))

package turbo

import (
	"errors"
	"runtime"

	"github.com/kagurazaka/kagurazaka/plugins/internal/dynlib"
)

// Library is libjpeg-turbo, which is not loaded on this kind of machine.
type Library struct {
	Path, API string
}

// Plane is the memory of one plane: rows Stride bytes apart.
type Plane struct {
	Pix    []byte
	Stride int
}

// Decoder decodes JPEGs.
type Decoder struct{}

// Encoder makes JPEGs.
type Encoder struct{}

var errNone = errors.New("libjpeg-turbo is not used on " + runtime.GOOS + "/" + runtime.GOARCH)

func bind(*dynlib.Library) (*Library, error) { return nil, errNone }

// NewDecoder fails.
func (*Library) NewDecoder() (*Decoder, error) { return nil, errNone }

// NewEncoder fails.
func (*Library) NewEncoder() (*Encoder, error) { return nil, errNone }

// Close does nothing.
func (*Decoder) Close() {}

// Header fails.
func (*Decoder) Header([]byte) (Header, error) { return Header{}, errNone }

// Planes fails.
func (*Decoder) Planes([]Plane, []byte, Header, int) error { return errNone }

// Pixels fails.
func (*Decoder) Pixels([]byte, []byte, Header, int) error { return errNone }

// Close does nothing.
func (*Encoder) Close() {}

// Encode fails.
func (*Encoder) Encode([]byte, []Plane, Subsampling, int, int, int) ([]byte, error) {
	return nil, errNone
}
