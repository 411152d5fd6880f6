package resample

import "golang.org/x/sys/cpu"

// Vectorised reports whether resampling uses the processor's vector unit.
func Vectorised() bool { return cpu.X86.HasAVX2 }

// convolveAVX2 is convolveGeneric for n >= 32 columns and at least one coefficient.
//
//go:noescape
func convolveAVX2(dst *byte, n int, src *byte, stride int, coefs *int16, taps int)

// transpose8AVX2 transposes a band of 8 rows, n columns wide, n being a multiple of 16 and not 0.
//
//go:noescape
func transpose8AVX2(dst *byte, dstStride int, src *byte, srcStride int, n int)

func convolve(dst, src []byte, stride int, coefs []int16) {
	if !cpu.X86.HasAVX2 || len(dst) < 32 || len(coefs) == 0 {
		convolveGeneric(dst, src, stride, coefs)
		return
	}
	// The assembly checks no bounds.
	_ = src[(len(coefs)-1)*stride+len(dst)-1]
	convolveAVX2(&dst[0], len(dst), &src[0], stride, &coefs[0], len(coefs))
}

func transpose(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	w16, h8 := w&^15, h&^7
	if !cpu.X86.HasAVX2 || w16 == 0 || h8 == 0 {
		transposeGeneric(dst, dstStride, src, srcStride, w, h)
		return
	}
	_ = src[(h-1)*srcStride+w-1]
	_ = dst[(w-1)*dstStride+h-1]
	for y := 0; y < h8; y += 8 {
		transpose8AVX2(&dst[y], dstStride, &src[y*srcStride], srcStride, w16)
	}
	if w16 < w {
		transposeGeneric(dst[w16*dstStride:], dstStride, src[w16:], srcStride, w-w16, h)
	}
	if h8 < h {
		transposeGeneric(dst[h8:], dstStride, src[h8*srcStride:], srcStride, w16, h-h8)
	}
}
