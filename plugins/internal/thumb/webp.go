package thumb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/webp"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// webpReader returns the reader for a decoded WebP. The values of a lossy one are from 16 to 235, as in video, but
// image.YCbCr uses the full range, as in JPEG: readerOf would make the picture pale.
func webpReader(img image.Image) rowReader {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(y int, r, g, b, _ []byte) { readVideo(m, y, r, g, b) }
	case *image.NYCbCrA:
		return func(y int, r, g, b, a []byte) {
			readVideo(&m.YCbCr, y, r, g, b)
			if a == nil {
				return
			}
			copy(a, m.A[m.AOffset(m.Rect.Min.X, m.Rect.Min.Y+y):])
			for x, alpha := range a {
				r[x], g[x], b[x] = scale8(r[x], alpha), scale8(g[x], alpha), scale8(b[x], alpha)
			}
		}
	}
	return readerOf(img)
}

func readVideo(m *image.YCbCr, y int, r, g, b []byte) {
	at := m.Rect.Min
	const half = 1 << 15
	for x := range r {
		c := m.COffset(at.X+x, at.Y+y)
		luma := 76309*(int32(m.Y[m.YOffset(at.X+x, at.Y+y)])-16) + half
		cb, cr := int32(m.Cb[c])-128, int32(m.Cr[c])-128
		r[x] = clamp((luma + 104597*cr) >> 16)
		g[x] = clamp((luma - 25675*cb - 53279*cr) >> 16)
		b[x] = clamp((luma + 132201*cb) >> 16)
	}
}

// Flags of a WebP's header.
const (
	webpAnimated = 1 << 1
	webpAlpha    = 1 << 4
)

// decodeWebP decodes a WebP. Of an animated one, it decodes the first picture, at its place on the canvas.
func decodeWebP(_ *processor, data []byte) (image.Image, error) {
	const header, extended = meta.WebPHeader, 10
	if len(data) < header+8 || string(data[header:header+4]) != "VP8X" {
		return webp.Decode(bytes.NewReader(data))
	}
	parts, err := meta.Chunks(data[header:])
	if err != nil {
		return nil, err
	}
	head := parts[0].Body
	if len(head) != extended {
		return nil, errors.New("the header is damaged")
	}
	number := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	w, h := number(head[4:])+1, number(head[7:])+1
	if head[0]&webpAnimated == 0 {
		return decodeStill(parts[1:], w, h)
	}
	for _, part := range parts {
		if part.Kind != "ANMF" {
			continue
		}
		const frame = 16
		if len(part.Body) < frame {
			return nil, meta.ErrChunks
		}
		at := image.Pt(2*number(part.Body), 2*number(part.Body[3:]))
		size := image.Pt(number(part.Body[6:])+1, number(part.Body[9:])+1)
		if at.X+size.X > w || at.Y+size.Y > h {
			return nil, errors.New("the first picture reaches beyond the canvas")
		}
		inner, err := meta.Chunks(part.Body[frame:])
		if err != nil {
			return nil, err
		}
		img, err := decodeStill(inner, size.X, size.Y)
		if err != nil || size == image.Pt(w, h) {
			return img, err
		}
		return onCanvas(img, webpReader(img), at, w, h), nil
	}
	return nil, errors.New("the animation has no picture")
}

// decodeStill decodes the picture of w by h pixels in parts of a file. It gives Go's decoder a file with only these parts:
// the decoder fails if a header promises an opacity that is missing.
func decodeStill(parts []meta.Chunk, w, h int) (image.Image, error) {
	var body []byte
	add := func(kind string, b []byte) {
		body = binary.LittleEndian.AppendUint32(append(body, kind...), uint32(len(b)))
		body = append(body, b...)
		if len(b)%2 == 1 {
			body = append(body, 0)
		}
	}
	var alpha []byte
	for _, part := range parts {
		switch part.Kind {
		case "ALPH":
			alpha = part.Body
		case "VP8 ", "VP8L":
			head := []byte{0, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), byte((w - 1) >> 16), byte(h - 1), byte((h - 1) >> 8), byte((h - 1) >> 16)}
			if alpha != nil && part.Kind == "VP8 " {
				head[0] = webpAlpha
			}
			add("VP8X", head)
			if head[0] != 0 {
				add("ALPH", alpha)
			}
			add(part.Kind, part.Body)
			file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
			return webp.Decode(bytes.NewReader(append(append(file, "WEBP"...), body...)))
		}
	}
	return nil, errors.New("the file has no picture")
}
