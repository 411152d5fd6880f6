package thumb

import "math"

// fit scales w by h pixels so that the longest side is size. It rounds the shorter side to the integer that is closest to
// the picture's aspect ratio.
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

// nearer rounds exact down, or up if off is smaller there, to at least 1.
func nearer(exact float64, off func(float64) float64) int {
	n := math.Floor(exact)
	if up := math.Ceil(exact); off(up) < off(n) {
		n = up
	}
	return max(1, int(n))
}

// oversampling is the minimum ratio of a picture decoded at reduced size to its result. At 2, the errors of the decoder's
// coarse filter are too small to see: they are below the loss of the JPEG itself.
const oversampling = 2

// reduction returns the size, in eighths, at which a JPEG with a longest side of n pixels is decoded for a result of want
// pixels: the smallest power of two that leaves oversampling times as many. libjpeg-turbo has no vector code for the sizes
// in between, and is slower there than at the next power of two.
func reduction(n, want int) int {
	for _, eighths := range []int{1, 2, 4} {
		if n*eighths >= 8*oversampling*want {
			return eighths
		}
	}
	return 8
}
