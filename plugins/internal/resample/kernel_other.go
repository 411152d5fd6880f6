//go:build !amd64

package resample

// Vectorised says whether the resampling loops run on the processor's vector unit on this machine.
func Vectorised() bool { return false }

func convolve(dst, src []byte, stride int, coefs []int16) {
	convolveGeneric(dst, src, stride, coefs)
}

func transpose(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	transposeGeneric(dst, dstStride, src, srcStride, w, h)
}
