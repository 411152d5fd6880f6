package thumb

import (
	"math"
	"sync"
)

// srgb is sRGB's encoding of linear values from 0 to 1.
var srgb = sync.OnceValue(func() *[4096]uint8 {
	var t [4096]uint8
	for i := range t {
		v := float64(i) / float64(len(t)-1)
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		t[i] = uint8(v*255 + 0.5)
	}
	return &t
})

// fromLab converts pixels of four bytes from TIFF's Lab (a and b are signed) to sRGB.
func fromLab(pix []byte) {
	t := srgb()
	cube := func(f float64) float64 {
		if f > 6.0/29 {
			return f * f * f
		}
		return (f - 4.0/29) * 3 * 36 / 841
	}
	encode := func(v float64) uint8 { return t[int(min(max(v, 0), 1)*float64(len(t)-1)+0.5)] }
	for i := 0; i < len(pix); i += 4 {
		f := (float64(pix[i])*100/255 + 16) / 116
		// XYZ with the white of CIE's light D50.
		x := 0.9642 * cube(f+float64(int8(pix[i+1]))/500)
		y := cube(f)
		z := 0.8251 * cube(f-float64(int8(pix[i+2]))/200)
		// Bradford's matrix to linear sRGB, whose white is D65.
		pix[i] = encode(3.1338561*x - 1.6168667*y - 0.4906146*z)
		pix[i+1] = encode(-0.9787684*x + 1.9161415*y + 0.0334540*z)
		pix[i+2] = encode(0.0719453*x - 0.2289914*y + 1.4052427*z)
	}
}
