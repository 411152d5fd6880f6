package thumb

import "math"

// fit returns the size of a picture of w by h pixels whose longest side is to be size. The shorter side is rounded to
// whichever whole number comes closer to the picture's own proportion.
func fit(w, h, size int, enlarge bool) (fw, fh int) {
	if !enlarge && w <= size && h <= size {
		return w, h
	}
	aspect := float64(w) / float64(h)
	if w >= h {
		exact := float64(size) / aspect
		return size, nearer(exact, func(n float64) float64 {
			if n == 0 {
				return 0
			}
			return math.Abs(aspect - float64(size)/n)
		})
	}
	exact := float64(size) * aspect
	return nearer(exact, func(n float64) float64 { return math.Abs(aspect - n/float64(size)) }), size
}

// nearer returns the whole number next to exact for which off is smaller, the lower one when they are even, and at least 1.
func nearer(exact float64, off func(float64) float64) int {
	n := math.Floor(exact)
	if up := math.Ceil(exact); off(up) < off(n) {
		n = up
	}
	return max(1, int(n))
}

// oversampling is how much larger than the result a picture is decoded at least, when it is decoded at reduced size. At 2, what
// the decoder's coarse filter does wrong lies beyond what the result can show: a reduced picture is as close to the filtered
// full-size one as the loss of the JPEG itself lets it be.
const oversampling = 2

// reduction returns the eighths of its size at which a JPEG whose longest side has n pixels is to be decoded for a result of
// want pixels: the smallest power of two that leaves oversampling times as many. The sizes in between have no vector code in
// libjpeg-turbo and take longer than the next larger one.
func reduction(n, want int) int {
	for _, eighths := range []int{1, 2, 4} {
		if n*eighths >= 8*oversampling*want {
			return eighths
		}
	}
	return 8
}
