package thumb

import "image"

// onCanvas puts a picture at its place on a canvas, which is transparent elsewhere, and crops it there.
func onCanvas(img image.Image, read rowReader, at image.Point, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	size := img.Bounds().Size()
	var row [4][]byte
	for i := range row {
		row[i] = make([]byte, size.X)
	}
	alpha := row[3]
	if opaque(img) {
		for x := range alpha {
			alpha[x] = 255
		}
		row[3] = nil
	}
	for y := range min(size.Y, h-at.Y) {
		read(y, row[0], row[1], row[2], row[3])
		pix := out.Pix[out.PixOffset(at.X, at.Y+y):]
		for x := range min(size.X, w-at.X) {
			copy(pix[4*x:4*x+4], []byte{row[0][x], row[1][x], row[2][x], alpha[x]})
		}
	}
	return out
}
