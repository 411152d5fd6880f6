package thumb

import "image"

// WebP's lossy pictures use video's range of values (16 to 235), while image.YCbCr means JPEG's full range: read as such they are pale. These
// readers convert as the format says.

// videoReader returns the reader of a decoded WebP picture, nil for one that is stored without loss, as RGB.
func videoReader(img image.Image) rowReader {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(y int, r, g, b, _ []byte) { readVideo(m, y, r, g, b) }
	case *image.NYCbCrA:
		return func(y int, r, g, b, a []byte) {
			readVideo(&m.YCbCr, y, r, g, b)
			if a == nil {
				return
			}
			copy(a, m.A[m.AOffset(m.Rect.Min.X, m.Rect.Min.Y+y):])
			for x, alpha := range a {
				r[x], g[x], b[x] = scale8(r[x], alpha), scale8(g[x], alpha), scale8(b[x], alpha)
			}
		}
	}
	return nil
}

func readVideo(m *image.YCbCr, y int, r, g, b []byte) {
	at := m.Rect.Min
	const half = 1 << 15
	for x := range r {
		c := m.COffset(at.X+x, at.Y+y)
		luma := 76309*(int32(m.Y[m.YOffset(at.X+x, at.Y+y)])-16) + half
		cb, cr := int32(m.Cb[c])-128, int32(m.Cr[c])-128
		r[x] = clamp((luma + 104597*cr) >> 16)
		g[x] = clamp((luma - 25675*cb - 53279*cr) >> 16)
		b[x] = clamp((luma + 132201*cb) >> 16)
	}
}
