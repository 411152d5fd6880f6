package thumb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"io"
)

// gifHead returns the size of a GIF's canvas, and the place of its first picture. As in browsers, a picture that is beyond
// the canvas enlarges it.
func gifHead(data []byte) (canvas image.Point, first image.Rectangle, err error) {
	const (
		screen     = 6  // after the signature
		blocks     = 13 // after the screen
		extension  = 0x21
		picture    = 0x2c
		hasColours = 0x80
	)
	cut := errors.New("the file ends before its first picture")
	if len(data) < blocks {
		return canvas, first, cut
	}
	at := blocks
	if flags := data[screen+4]; flags&hasColours != 0 {
		at += 3 << (flags&7 + 1)
	}
	for at < len(data) && data[at] == extension {
		at += 2
		for at < len(data) && data[at] != 0 {
			at += 1 + int(data[at])
		}
		at++
	}
	if at+9 > len(data) {
		return canvas, first, cut
	}
	if data[at] != picture {
		return canvas, first, errors.New("the file has no picture")
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	x, y := number(at+1), number(at+3)
	first = image.Rect(x, y, x+number(at+5), y+number(at+7))
	canvas = image.Pt(max(number(screen), first.Max.X), max(number(screen+2), first.Max.Y))
	return canvas, first, nil
}

func sizeOfGIF(data []byte) (w, h int, err error) {
	canvas, _, err := gifHead(data)
	return canvas.X, canvas.Y, err
}

// decodeGIF decodes the first picture of a GIF, at its place on the canvas.
func decodeGIF(_ *processor, data []byte) (image.Image, error) {
	canvas, first, err := gifHead(data)
	if err != nil {
		return nil, err
	}
	if first.Empty() {
		return nil, errors.New("the first picture has no pixels")
	}
	// Go's decoder refuses a picture that is beyond the canvas: give it a canvas that is large enough.
	head := bytes.Clone(data[:10])
	binary.LittleEndian.PutUint16(head[6:], uint16(min(canvas.X, 0xffff)))
	binary.LittleEndian.PutUint16(head[8:], uint16(min(canvas.Y, 0xffff)))
	img, err := gif.Decode(io.MultiReader(bytes.NewReader(head), bytes.NewReader(data[10:])))
	if err != nil {
		return nil, err
	}
	if img.Bounds() == image.Rect(0, 0, canvas.X, canvas.Y) {
		return img, nil
	}
	return onCanvas(img, readerOf(img), img.Bounds().Min, canvas.X, canvas.Y), nil
}
