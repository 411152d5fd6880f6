package resample

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// random fills bytes from a seed: mostly noise, with stretches of the extremes, where sums overflow a byte.
func random(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
		if r.IntN(4) == 0 {
			b[i] = byte(r.IntN(2) * 255)
		}
	}
	return b
}

func checkConvolve(t *testing.T, seed uint64, width, taps, extra int) {
	t.Helper()
	stride := width + extra
	src := random(seed, stride*(taps-1)+width)
	r := rand.New(rand.NewPCG(seed, 2))
	coefs := make([]int16, taps)
	for i := range coefs {
		coefs[i] = int16(r.IntN(1<<16) - 1<<15)
		if seed%3 == 0 {
			coefs[i] >>= 4
		}
	}
	// Guards on both sides: nothing beyond the row may be written.
	got, want := bytes.Repeat([]byte{0xa5}, width+128), bytes.Repeat([]byte{0xa5}, width+128)
	convolve(got[64:64+width], src, stride, coefs)
	convolveGeneric(want[64:64+width], src, stride, coefs)
	if !bytes.Equal(got, want) {
		t.Fatalf("seed %d, %d columns, %d coefficients, stride %d: the vector loop differs", seed, width, taps, stride)
	}
}

func checkTranspose(t *testing.T, seed uint64, w, h, extra int) {
	t.Helper()
	src := random(seed, (w+extra)*h)
	n := w*(h+extra) + 64
	got, want := bytes.Repeat([]byte{0xa5}, n), bytes.Repeat([]byte{0xa5}, n)
	transpose(got, h+extra, src, w+extra, w, h)
	for y := range h {
		for x := range w {
			want[x*(h+extra)+y] = src[y*(w+extra)+x]
		}
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("seed %d, %d x %d, %d bytes between rows: not transposed", seed, w, h, extra)
	}
	generic := bytes.Repeat([]byte{0xa5}, n)
	transposeGeneric(generic, h+extra, src, w+extra, w, h)
	if !bytes.Equal(generic, want) {
		t.Fatalf("seed %d, %d x %d: the portable loop does not transpose", seed, w, h)
	}
}

func TestKernelsAtEveryWidth(t *testing.T) {
	if !Vectorised() {
		t.Log("this machine has no vector loops; the portable ones are compared with themselves")
	}
	for width := 1; width <= 140; width++ {
		for _, taps := range []int{1, 2, 3, 8, 17} {
			checkConvolve(t, uint64(width*100+taps), width, taps, width%3)
		}
		for _, h := range []int{1, 7, 8, 9, 31, 64} {
			checkTranspose(t, uint64(width), width, h, width%5)
		}
	}
}

func FuzzConvolve(f *testing.F) {
	f.Add(uint64(1), uint16(32), uint8(1), uint8(0))
	f.Add(uint64(2), uint16(33), uint8(2), uint8(7))
	f.Add(uint64(3), uint16(800), uint8(19), uint8(0))
	f.Add(uint64(6), uint16(31), uint8(255), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, width uint16, taps, extra uint8) {
		if width == 0 || taps == 0 {
			return
		}
		checkConvolve(t, seed, int(width), int(taps), int(extra))
	})
}

func FuzzTranspose(f *testing.F) {
	f.Add(uint64(1), uint16(16), uint16(8), uint8(0))
	f.Add(uint64(2), uint16(17), uint16(9), uint8(1))
	f.Add(uint64(3), uint16(256), uint16(192), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, w, h uint16, extra uint8) {
		w, h = w%1000, h%1000
		if w == 0 || h == 0 {
			return
		}
		checkTranspose(t, seed, int(w), int(h), int(extra))
	})
}

func BenchmarkConvolve(b *testing.B) {
	const width, taps = 640, 16
	src, dst := random(1, width*taps), make([]byte, width)
	coefs := make([]int16, taps)
	for i := range coefs {
		coefs[i] = coefOne / taps
	}
	b.Run("chosen", func(b *testing.B) {
		b.SetBytes(width * taps)
		for b.Loop() {
			convolve(dst, src, width, coefs)
		}
	})
	b.Run("portable", func(b *testing.B) {
		b.SetBytes(width * taps)
		for b.Loop() {
			convolveGeneric(dst, src, width, coefs)
		}
	})
}
