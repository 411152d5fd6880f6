//go:build !amd64

package resample

// Vectorised reports whether resampling uses the processor's vector unit.
func Vectorised() bool { return false }

func convolve(dst, src []byte, stride int, coefs []int16) {
	convolveGeneric(dst, src, stride, coefs)
}

func transpose(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	transposeGeneric(dst, dstStride, src, srcStride, w, h)
}
