package draw

import (
	"image/color"
	"math"
	"math/rand/v2"
)

type shade struct{ y, cb, cr uint8 }

// newPalette makes a run of colours: each channel swings a few times between dark and bright, out of step with the others.
func newPalette(r *rand.Rand) *[steps]shade {
	var waves, start [3]float64
	swings := 1 + 3*r.Float64()
	for c := range waves {
		waves[c] = swings * (0.8 + 0.4*r.Float64())
		start[c] = r.Float64()
	}
	depth := 0.7 + 0.3*r.Float64()
	var p [steps]shade
	for i := range p {
		at := float64(i) / steps
		var rgb [3]uint8
		for c := range rgb {
			rgb[c] = uint8(127.5 + 127*depth*math.Cos(math.Pi*2*(waves[c]*at+start[c])))
		}
		p[i].y, p[i].cb, p[i].cr = color.RGBToYCbCr(rgb[0], rgb[1], rgb[2])
	}
	return &p
}
