//go:build !((linux || darwin) && (amd64 || arm64))

package libtiff

import (
	"errors"
	"runtime"

	"github.com/kagurazaka/kagurazaka/plugins/internal/dynlib"
)

// Library is libtiff, which is not loaded on this kind of machine.
type Library struct {
	Path string
}

// File is a TIFF file in memory.
type File struct{}

var errNone = errors.New("libtiff is not used on " + runtime.GOOS + "/" + runtime.GOARCH)

func bind(*dynlib.Library) (*Library, error) { return nil, errNone }

// Open fails.
func (*Library) Open([]byte) (*File, error) { return nil, errNone }

// Close does nothing.
func (*File) Close() {}

// RGBA fails.
func (*File) RGBA([]byte, int, int, int) error { return errNone }

// Block fails.
func (*File) Block([]byte, int, bool) error { return errNone }
