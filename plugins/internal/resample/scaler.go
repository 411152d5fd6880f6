package resample

// Scaler resizes planes and reuses its buffers. The zero value is ready. It is for one goroutine at a time.
type Scaler struct {
	rows, columns Plane // after the first pass, as rows and transposed
	turned        Plane // after the second pass, before it is transposed back

	// For ScaleRows: the current part of the source, and the channels after the first pass.
	bands    []Plane
	channels []Plane
	line     [][]byte
}

// Scale resizes src to dst, and reuses dst's memory, which must not be src's. swap exchanges the sides, and so turns the
// picture together with mirrored axes: dst then has down.Out() columns and across.Out() rows.
func (s *Scaler) Scale(dst *Plane, src Plane, across, down *Axis, swap bool) {
	if down.identity {
		s.finish(dst, src, across, swap)
		return
	}
	s.rows.Resize(src.W, down.Out())
	for i := range down.Out() {
		first, coefs := down.window(i)
		convolve(s.rows.Row(i), src.Pix[first*src.Stride:], src.Stride, coefs)
	}
	s.finish(dst, s.rows, across, swap)
}

// ScaleRows resizes a picture that is read row by row to a plane for each channel. It calls fill for y = 0, 1, … to write
// the samples of row y, with a slice for each channel. It keeps only the rows that the filter needs.
func (s *Scaler) ScaleRows(dst []Plane, across, down *Axis, swap bool, fill func(y int, row [][]byte)) {
	w, h := across.Samples, down.Samples
	// The windows of a mirrored axis are in reverse order: start with the last output row, to read the source in order.
	order := func(i int) int { return i }
	if down.span.Mirror {
		order = func(i int) int { return down.Out() - 1 - i }
	}
	highest := 0
	for i := range down.Out() {
		_, coefs := down.window(i)
		highest = max(highest, len(coefs))
	}
	held := min(h, 2*highest)
	for len(s.bands) < len(dst) {
		s.bands, s.channels, s.line = append(s.bands, Plane{}), append(s.channels, Plane{}), append(s.line, nil)
	}
	s.line = s.line[:len(dst)]
	for c := range dst {
		s.bands[c].Resize(w, held)
		s.channels[c].Resize(w, down.Out())
	}

	base, next := 0, 0 // rows base…next-1 of the source are in the bands
	for n := range down.Out() {
		i := order(n)
		first, coefs := down.window(i)
		for ; next < first+len(coefs); next++ {
			if next-base == held {
				// Drop the rows before first.
				for _, band := range s.bands[:len(dst)] {
					copy(band.Pix, band.Pix[(first-base)*band.Stride:held*band.Stride])
				}
				base = first
			}
			for c := range dst {
				s.line[c] = s.bands[c].Row(next - base)
			}
			fill(next, s.line)
		}
		for c := range dst {
			band := s.bands[c]
			convolve(s.channels[c].Row(i), band.Pix[(first-base)*band.Stride:], band.Stride, coefs)
		}
	}
	for c := range dst {
		s.finish(&dst[c], s.channels[c], across, swap)
	}
}

// finish resizes across. rows has its final height.
func (s *Scaler) finish(dst *Plane, rows Plane, across *Axis, swap bool) {
	if across.identity {
		if swap {
			transposePlane(dst, rows)
			return
		}
		dst.Resize(across.Out(), rows.H)
		for y := range rows.H {
			copy(dst.Row(y), rows.Row(y))
		}
		return
	}
	transposePlane(&s.columns, rows)
	turned := &s.turned
	if swap {
		turned = dst
	}
	turned.Resize(rows.H, across.Out())
	for i := range across.Out() {
		first, coefs := across.window(i)
		convolve(turned.Row(i), s.columns.Pix[first*s.columns.Stride:], s.columns.Stride, coefs)
	}
	if !swap {
		transposePlane(dst, *turned)
	}
}

func transposePlane(dst *Plane, src Plane) {
	dst.Resize(src.H, src.W)
	transpose(dst.Pix, dst.Stride, src.Pix, src.Stride, src.W, src.H)
}
