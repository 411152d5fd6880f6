package resample

// convolve and transpose take most of the time of resizing. They use the portable functions below, or vector ones with the
// same results.

const (
	coefBits  = 14 // fraction bits of a coefficient: 1.0 is 1<<14, so that a window's centre of up to 2 fits an int16
	coefOne   = 1 << coefBits
	coefRound = 1 << (coefBits - 1)
)

// convolveGeneric sets dst[x] to the weighted sum of the samples src[k*stride+x], k counting coefs, rounded and clamped to
// 0…255.
func convolveGeneric(dst, src []byte, stride int, coefs []int16) {
	// In blocks of columns, the sums stay in the first-level cache, and each row is read in order.
	var sums [256]int32
	for x := 0; x < len(dst); x += len(sums) {
		block := sums[:min(len(sums), len(dst)-x)]
		for i := range block {
			block[i] = coefRound
		}
		for k, c := range coefs {
			weight := int32(c)
			row := src[k*stride+x:][:len(block)]
			for i, v := range row {
				block[i] += weight * int32(v)
			}
		}
		out := dst[x:][:len(block)]
		for i, sum := range block {
			out[i] = uint8(max(0, min(255, sum>>coefBits)))
		}
	}
}

// transposeGeneric sets dst[x*dstStride+y] to src[y*srcStride+x] for every x < w and y < h.
func transposeGeneric(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	// In blocks, the columns that are written stay in the cache.
	const block = 32
	for y0 := 0; y0 < h; y0 += block {
		y1 := min(y0+block, h)
		for x := range w {
			out := dst[x*dstStride:]
			for y := y0; y < y1; y++ {
				out[y] = src[y*srcStride+x]
			}
		}
	}
}
