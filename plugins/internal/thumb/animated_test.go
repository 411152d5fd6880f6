package thumb

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
)

// twoColours is a GIF of a picture of one colour and one of another, at the given places.
func twoColours(t *testing.T, w, h int, first, second image.Rectangle) []byte {
	t.Helper()
	colours := color.Palette{color.RGBA{0, 0, 255, 255}, color.RGBA{0, 255, 0, 255}}
	a, b := image.NewPaletted(first, colours), image.NewPaletted(second, colours)
	for i := range b.Pix {
		b.Pix[i] = 1
	}
	canvas := first.Union(second).Union(image.Rect(0, 0, w, h))
	var out bytes.Buffer
	err := gif.EncodeAll(&out, &gif.GIF{
		Image: []*image.Paletted{a, b}, Delay: []int{1, 1}, Config: image.Config{ColorModel: colours, Width: canvas.Dx(), Height: canvas.Dy()},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The canvas is made smaller than the encoder would have it.
	data := out.Bytes()
	binary.LittleEndian.PutUint16(data[6:], uint16(w))
	binary.LittleEndian.PutUint16(data[8:], uint16(h))
	return data
}

func TestGIFBeyondItsCanvas(t *testing.T) {
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		w, h          int
		first, second image.Rectangle
		wantW, wantH  int
	}{
		"first":          {24, 16, image.Rect(0, 0, 48, 32), image.Rect(0, 0, 1, 1), 24, 16},
		"first, apart":   {24, 32, image.Rect(24, 0, 48, 32), image.Rect(0, 0, 1, 1), 24, 16},
		"second":         {48, 32, image.Rect(0, 0, 48, 32), image.Rect(40, 0, 60, 32), 24, 16},
		"no canvas":      {0, 0, image.Rect(0, 0, 48, 32), image.Rect(0, 0, 1, 1), 24, 16},
		"first and more": {20, 48, image.Rect(0, 0, 48, 32), image.Rect(0, 0, 1, 1), 24, 24},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustShow(t, r, twoColours(t, c.w, c.h, c.first, c.second), formatPNG)
			if size := got.Bounds().Size(); size != image.Pt(c.wantW, c.wantH) {
				t.Fatalf("the thumbnail has %v, want %d x %d", size, c.wantW, c.wantH)
			}
			checkColor(t, got, 18, 8, color.NRGBA{0, 0, 255, 255}, 0)
			if c.first.Min.X > 0 {
				checkColor(t, got, 4, 8, color.NRGBA{}, 0)
			}
			if c.wantH > 16 {
				checkColor(t, got, 4, 22, color.NRGBA{}, 0)
			}
		})
	}
	whole := twoColours(t, 48, 32, image.Rect(0, 0, 48, 32), image.Rect(0, 0, 48, 32))
	for _, n := range []int{6, 10, 13, 30} {
		if _, err := r.thumbnail(t, whole[:n], formatPNG); err == nil {
			t.Errorf("%d bytes made a picture", n)
		}
	}
	if _, err := r.thumbnail(t, append(whole[:13+6:13+6], ';'), formatPNG); err == nil || !strings.Contains(err.Error(), "first picture") {
		t.Errorf("no picture: %v", err)
	}
}

// webpFile makes a WebP of parts.
func webpFile(parts ...meta.Chunk) []byte {
	var body []byte
	for _, p := range parts {
		body = binary.LittleEndian.AppendUint32(append(body, p.Kind...), uint32(len(p.Body)))
		body = append(body, p.Body...)
		if len(p.Body)%2 == 1 {
			body = append(body, 0)
		}
	}
	return slices.Concat(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4)), []byte("WEBP"), body)
}

func chunkOf(kind string, body []byte) meta.Chunk { return meta.Chunk{Kind: kind, Body: body} }

func number24(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }

// animation makes an animated WebP of w by h pixels whose only picture is that of a file of 48 x 32, at (x, y).
func animation(t *testing.T, w, h, x, y int, still []byte) []byte {
	t.Helper()
	parts, err := meta.Chunks(still[12:])
	if err != nil {
		t.Fatal(err)
	}
	frame := slices.Concat(number24(x/2), number24(y/2), number24(47), number24(31), number24(100), []byte{0})
	for _, p := range parts {
		if p.Kind != "VP8X" {
			inner := webpFile(p)
			frame = append(frame, inner[12:]...)
		}
	}
	return webpFile(
		chunkOf("VP8X", slices.Concat([]byte{webpAnimated, 0, 0, 0}, number24(w-1), number24(h-1))),
		chunkOf("ANIM", make([]byte, 6)), chunkOf("ANMF", frame),
	)
}

func TestAnimatedWebP(t *testing.T) {
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	// Pillow's, of two pictures.
	checkRamp(t, mustShow(t, r, fixture(t, "animated.webp"), formatPNG), 24, 16, 1, 3, shrunk(2))
	want := ramp(24.5, 16.5)
	checkColor(t, mustShow(t, r, fixture(t, "animated-lossy.webp"), formatPNG), 12, 8, color.NRGBA{byte(want[0]), byte(want[1]), byte(want[2]), 255 - 98}, 5)
	for _, name := range []string{"lossy.webp", "lossless.webp", "alpha.webp"} {
		t.Run(name, func(t *testing.T) {
			still := fixture(t, name)
			if name == "lossless.webp" {
				checkRamp(t, mustShow(t, r, animation(t, 48, 32, 0, 0, still), formatPNG), 24, 16, 1, 3, shrunk(2))
			}
			got := mustShow(t, r, animation(t, 96, 64, 48, 32, still), formatPNG)
			if size := got.Bounds().Size(); size != image.Pt(24, 16) {
				t.Fatalf("the thumbnail has %v", size)
			}
			checkColor(t, got, 4, 4, color.NRGBA{}, 0)
			checkColor(t, got, 16, 4, color.NRGBA{}, 0)
			// (18, 12) lies on (25.5, 17.5) of the picture.
			want, alpha := ramp(25.5, 17.5), byte(255)
			if name == "alpha.webp" {
				alpha = 255 - 102
			}
			checkColor(t, got, 18, 12, color.NRGBA{byte(want[0]), byte(want[1]), byte(want[2]), alpha}, 6)
		})
	}
	lossless := fixture(t, "lossless.webp")
	for name, data := range map[string][]byte{
		"beyond the canvas": animation(t, 96, 64, 50, 32, lossless),
		"no picture":        webpFile(chunkOf("VP8X", slices.Concat([]byte{webpAnimated, 0, 0, 0}, number24(47), number24(31))), chunkOf("ANIM", make([]byte, 6))),
		"short header":      webpFile(chunkOf("VP8X", []byte{webpAnimated})),
		"empty frame":       webpFile(chunkOf("VP8X", slices.Concat([]byte{webpAnimated, 0, 0, 0}, number24(47), number24(31))), chunkOf("ANMF", nil)),
	} {
		if _, err := r.thumbnail(t, data, formatPNG); err == nil || !strings.Contains(err.Error(), "WebP picture is broken") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	whole := fixture(t, "animated.webp")
	for _, n := range []int{20, 31, len(whole) / 3} {
		if _, err := r.thumbnail(t, whole[:n], formatPNG); err == nil {
			t.Errorf("%d of %d bytes made a picture", n, len(whole))
		}
	}
}

// TestWebPWhoseHeaderPromisesOpacity has a still picture without what its header says; other decoders do not mind.
func TestWebPWhoseHeaderPromisesOpacity(t *testing.T) {
	r, err := newStd(defaults)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := meta.Chunks(fixture(t, "lossy.webp")[12:])
	if err != nil {
		t.Fatal(err)
	}
	data := webpFile(append([]meta.Chunk{chunkOf("VP8X", slices.Concat([]byte{webpAlpha, 0, 0, 0}, number24(47), number24(31)))}, parts...)...)
	checkRamp(t, mustShow(t, r, data, formatPNG), 24, 16, 1, 5, shrunk(2))
}
