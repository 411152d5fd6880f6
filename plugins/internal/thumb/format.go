package thumb

import (
	"fmt"
	"path/filepath"
	"strings"
)

// format is a picture format, by its name in messages.
type format string

const (
	formatJPEG format = "JPEG"
	formatPNG  format = "PNG"
	formatGIF  format = "GIF"
	formatWebP format = "WebP"
	formatTIFF format = "TIFF"
	formatBMP  format = "BMP"
	// formatRGB is red, green and blue for a device, not a file format.
	formatRGB format = "RGB"
)

// sniff detects a file's format from its first bytes, not its name.
func sniff(data []byte) (format, error) {
	head := string(data[:min(len(data), 16)])
	switch {
	case strings.HasPrefix(head, "\xff\xd8\xff"):
		return formatJPEG, nil
	case strings.HasPrefix(head, "\x89PNG\r\n\x1a\n"):
		return formatPNG, nil
	case strings.HasPrefix(head, "GIF87a"), strings.HasPrefix(head, "GIF89a"):
		return formatGIF, nil
	case strings.HasPrefix(head, "RIFF") && len(head) >= 12 && head[8:12] == "WEBP":
		return formatWebP, nil
	case strings.HasPrefix(head, "II*\x00"), strings.HasPrefix(head, "MM\x00*"), strings.HasPrefix(head, "II+\x00"), strings.HasPrefix(head, "MM\x00+"):
		return formatTIFF, nil
	case strings.HasPrefix(head, "BM"):
		return formatBMP, nil
	case head == "":
		return "", fmt.Errorf("the file is empty")
	}
	return "", fmt.Errorf("the file is not a JPEG, PNG, GIF, WebP, TIFF or BMP picture: it begins with %q", head)
}

// OutputFormats are the supported extensions of outputs.
const OutputFormats = ".jpg, .jpeg, .png, .gif, .tif, .tiff, .bmp"

var outputFormats = map[string]format{
	".jpg": formatJPEG, ".jpeg": formatJPEG, ".png": formatPNG, ".gif": formatGIF, ".tif": formatTIFF, ".tiff": formatTIFF, ".bmp": formatBMP,
}

// outputFormat is the format for a path's extension.
func outputFormat(path string) (format, error) {
	ext := strings.ToLower(filepath.Ext(path))
	if f, ok := outputFormats[ext]; ok {
		return f, nil
	}
	return "", fmt.Errorf("the output's extension is %q; must be one of %s (for example --mixin output_mode.ext=.png)", ext, OutputFormats)
}

// keepsAlpha reports whether the format has partial transparency.
func (f format) keepsAlpha() bool { return f == formatPNG || f == formatTIFF }
