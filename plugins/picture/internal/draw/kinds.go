package draw

import (
	"math"
	"math/rand/v2"
)

// kinds are the subjects of pictures.
var kinds = []func(*rand.Rand, *field){julia, clouds, waves, cells}

// julia draws a Julia set around its edge: how soon a point of the plane escapes.
func julia(r *rand.Rand, f *field) {
	// Constants near the edge of the Mandelbrot set, around its cardioid, give the richest shapes.
	turn := r.Float64() * 2 * math.Pi
	reach := 1.02 + 0.1*r.Float64()
	cx := reach * (0.5*math.Cos(turn) - 0.25*math.Cos(2*turn))
	cy := reach * (0.5*math.Sin(turn) - 0.25*math.Sin(2*turn))
	zoom := (1.4 + 1.2*r.Float64()) / float64(max(f.w, f.h))
	sin, cos := math.Sincos(r.Float64() * 2 * math.Pi)
	const most = 48
	// The set is point-symmetric: the second half of the field is the first half in reverse.
	for y := range (f.h + 1) / 2 {
		row := f.row(y)
		for x := range row {
			dx, dy := (float64(x)-float64(f.w-1)/2)*zoom, (float64(y)-float64(f.h-1)/2)*zoom
			a, b := dx*cos-dy*sin, dx*sin+dy*cos
			n, square := 0, a*a+b*b
			for ; n < most && square < 64; n++ {
				a, b = a*a-b*b+cx, 2*a*b+cy
				square = a*a + b*b
			}
			if n == most {
				row[x] = float32(most + 4*square)
				continue
			}
			// A fraction of a step makes the rings smooth. The exponent is a good enough logarithm.
			fraction, exponent := math.Frexp(square)
			row[x] = float32(n) + 1 - float32(float64(exponent)+2*fraction-7)/6
		}
	}
	for i := range f.v[:len(f.v)/2] {
		f.v[len(f.v)-1-i] = f.v[i]
	}
	f.equalise()
}

// clouds draws noise of all sizes, the larger the stronger. Some clouds are folded in the middle, which makes ridges.
func clouds(r *rand.Rand, f *field) {
	strength := float32(1)
	loss := 0.45 + 0.2*r.Float32()
	ridges := r.IntN(2) == 0
	for cell := float32(max(f.w, f.h)) / 3; cell >= 2; cell /= 2 {
		addNoise(r, f, cell, strength)
		strength *= loss
	}
	if ridges {
		for i, v := range f.v {
			f.v[i] = -max(v, -v)
		}
	}
}

// addNoise adds random values between -strength and strength at the corners of a grid, interpolated in its cells.
func addNoise(r *rand.Rand, f *field, cell, strength float32) {
	across := int(float32(f.w)/cell) + 2
	corners := make([]float32, across*(int(float32(f.h)/cell)+2))
	for i := range corners {
		corners[i] = strength * (2*r.Float32() - 1)
	}
	type place struct {
		corner int
		weight float32
	}
	columns := make([]place, f.w)
	for x := range columns {
		at := float32(x) / cell
		corner := int(at)
		columns[x] = place{corner, eased(at - float32(corner))}
	}
	line := make([]float32, across)
	for y := range f.h {
		at := float32(y) / cell
		corner := int(at)
		weight := eased(at - float32(corner))
		upper, lower := corners[corner*across:][:across], corners[(corner+1)*across:][:across]
		for i := range line {
			line[i] = upper[i] + (lower[i]-upper[i])*weight
		}
		row := f.row(y)
		for x, p := range columns {
			row[x] += line[p.corner] + (line[p.corner+1]-line[p.corner])*p.weight
		}
	}
}

// eased goes from 0 to 1 with a slope of 0 at both ends.
func eased(t float32) float32 { return t * t * (3 - 2*t) }

// waves draws overlapping circles around a few centres.
func waves(r *rand.Rand, f *field) {
	table := make([]float32, 4096)
	for i := range table {
		table[i] = float32(math.Sin(2 * math.Pi * float64(i) / float64(len(table))))
	}
	for range 3 + r.IntN(2) {
		cx, cy := r.Float32()*float32(f.w), r.Float32()*float32(f.h)
		// Between 6 and 60 rings, closer together at the outside.
		rings := (6 + 54*r.Float32()) * float32(len(table)) / float32(f.w*f.w+f.h*f.h)
		strength := 0.4 + r.Float32()
		for y := range f.h {
			dy := float32(y) - cy
			row := f.row(y)
			for x := range row {
				dx := float32(x) - cx
				row[x] += strength * table[int32((dx*dx+dy*dy)*rings)&4095]
			}
		}
	}
	addNoise(r, f, 40, 0.8)
}

// cells draws the nearest of many points, and its distance.
func cells(r *rand.Rand, f *field) {
	size := float32(max(f.w, f.h)) / float32(6+r.IntN(20))
	across, down := int(float32(f.w)/size)+3, int(float32(f.h)/size)+3
	type point struct{ x, y, tone float32 }
	points := make([]point, across*down)
	for i := range points {
		points[i] = point{
			(float32(i%across-1) + r.Float32()) * size, (float32(i/across-1) + r.Float32()) * size, r.Float32(),
		}
	}
	for y := range f.h {
		row := f.row(y)
		fy := float32(y)
		down := int(fy/size) * across
		for x := range row {
			fx := float32(x)
			at := down + int(fx/size)
			nearest, tone := float32(math.MaxFloat32), float32(0)
			for _, i := range [9]int{at, at + 1, at + 2, at + across, at + across + 1, at + across + 2, at + 2*across, at + 2*across + 1, at + 2*across + 2} {
				p := &points[i]
				dx, dy := p.x-fx, p.y-fy
				if d := dx*dx + dy*dy; d < nearest {
					nearest, tone = d, p.tone
				}
			}
			row[x] = tone - 0.6*nearest/(size*size)
		}
	}
	addNoise(r, f, size/2, 0.12)
	addNoise(r, f, size/9, 0.08)
}
