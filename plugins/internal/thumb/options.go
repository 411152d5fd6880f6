// Package thumb makes thumbnails.
package thumb

import (
	"encoding/hex"
	"fmt"
	"image/color"
	"strings"

	"golang.org/x/image/colornames"
)

// Options are the settings of a Resizer.
type Options struct {
	// Size is the longest side in pixels, 1 to 65535.
	Size int
	// Quality is the quality of JPEG, 1 to 100.
	Quality int
	// Enlarge also enlarges smaller pictures. Otherwise they keep their size.
	Enlarge bool
	// Background is put under transparent parts if the output's format has no transparency.
	Background color.RGBA
	// MaxPixels is the maximum number of pixels of a picture, by its header, and of a thumbnail.
	MaxPixels int64
}

// Check checks the options.
func (o Options) Check() error {
	switch {
	case o.Size < 1 || o.Size > maxSide:
		return fmt.Errorf("the size is %d; it must be between 1 and %d", o.Size, maxSide)
	case o.Quality < 1 || o.Quality > 100:
		return fmt.Errorf("the quality is %d; it must be between 1 and 100", o.Quality)
	case o.MaxPixels < 1:
		return fmt.Errorf("the limit of pixels is %d; it must be at least 1", o.MaxPixels)
	}
	return nil
}

// maxSide is the largest side of a JPEG.
const maxSide = 65535

// ParseColor reads a colour: #rgb, #rrggbb or one of the colour names of CSS, in any case.
func ParseColor(text string) (color.RGBA, error) {
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		if rgb, err := hex.DecodeString(digits); err == nil && len(rgb) == 3 {
			return color.RGBA{rgb[0], rgb[1], rgb[2], 255}, nil
		}
	} else if named, ok := colornames.Map[strings.ToLower(text)]; ok {
		return named, nil
	}
	return color.RGBA{}, fmt.Errorf("%q is not a colour: give #rgb, #rrggbb or a name such as white", text)
}
