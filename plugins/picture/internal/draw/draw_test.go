package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"testing"
)

func equal(a, b *image.YCbCr) bool {
	return a.Rect == b.Rect && bytes.Equal(a.Y, b.Y) && bytes.Equal(a.Cb, b.Cb) && bytes.Equal(a.Cr, b.Cr)
}

func TestPicturesDifferAndRepeat(t *testing.T) {
	var all []*image.YCbCr
	for number := range uint64(12) {
		m := Picture(1, number, 96, 72)
		if !equal(m, Picture(1, number, 96, 72)) {
			t.Errorf("picture %d is another one the second time", number)
		}
		if equal(m, Picture(2, number, 96, 72)) {
			t.Errorf("picture %d is the same with another seed", number)
		}
		for other, o := range all {
			if equal(m, o) {
				t.Errorf("pictures %d and %d are the same", other, number)
			}
		}
		all = append(all, m)
	}
}

func TestPicturesHaveDetail(t *testing.T) {
	for number := range uint64(24) {
		m := Picture(7, number, 320, 240)
		var used [256]bool
		shades, steps := 0, 0
		for i, v := range m.Y {
			if !used[v] {
				used[v] = true
				shades++
			}
			if i > 0 && i%m.YStride != 0 {
				steps += max(int(v)-int(m.Y[i-1]), int(m.Y[i-1])-int(v))
			}
		}
		if shades < 60 || steps < 2*len(m.Y) {
			t.Errorf("picture %d has %d shades and steps of %.1f on average", number, shades, float64(steps)/float64(len(m.Y)))
		}
	}
}

func TestEverySize(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 3}, {17, 5}, {5, 64}, {1, 300}, {40000, 2}} {
		for number := range uint64(len(kinds)) {
			if m := Picture(1, number, size[0], size[1]); m.Rect != image.Rect(0, 0, size[0], size[1]) {
				t.Errorf("%v: drew %v", size, m.Rect)
			}
		}
	}
}

func BenchmarkPicture(b *testing.B) {
	for number := range kinds {
		b.Run(fmt.Sprint(number), func(b *testing.B) {
			for b.Loop() {
				Picture(1, uint64(number), 1280, 960)
			}
		})
	}
	m := Picture(1, 1, 1280, 960)
	var out bytes.Buffer
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			out.Reset()
			if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 90}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(out.Len()), "bytes")
	})
}
