package filter

import (
	"fmt"
	"unsafe"

	"github.com/kagurazaka/kagurazaka/plugins/cudaresize/internal/kernel"
	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
)

// Filter resizes batches. Infer is for one goroutine at a time.
type Filter struct {
	// Scale and offset of each channel: a float is byte*scale + offset.
	Scale [3][2]float32

	scaler resample.Scaler
	plane  resample.Plane
}

// Infer resizes a batch. Each picture has its samples in one of the two results, and none in the other.
func (f *Filter) Infer(device cuda.Device, batch *cuda.Batch) ([]cuda.Packed, error) {
	if len(batch.Tensors) != 3 {
		return nil, fmt.Errorf("a batch of %d arrays", len(batch.Tensors))
	}
	w, err := planOf(batch)
	if err != nil {
		return nil, err
	}
	bytes, err := cuda.New(device, "uint8", w.bytes)
	if err != nil {
		return nil, err
	}
	floats, err := cuda.New(device, "float32", w.floats)
	if err != nil {
		return nil, err
	}
	if device.CUDA() {
		err = f.launch(device, batch, w, bytes.Buffer, floats.Buffer)
	} else {
		f.compute(batch, w, bytes.Buffer.Host, cuda.View[float32](floats.Buffer.Host))
	}
	return []cuda.Packed{bytes, floats}, err
}

const (
	threads   = 256
	perThread = 4
)

func (f *Filter) launch(device cuda.Device, batch *cuda.Batch, w *work, bytes, floats *cuda.Buffer) error {
	size := len(w.jobs) * int(unsafe.Sizeof(job{}))
	jobs, err := device.Upload(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w.jobs))), size))
	if err != nil {
		return err
	}
	scale, err := device.Upload(cuda.Raw([]float32{
		f.Scale[0][0], f.Scale[0][1], f.Scale[1][0], f.Scale[1][1], f.Scale[2][0], f.Scale[2][1],
	}))
	if err != nil {
		return err
	}
	between, err := device.Alloc(w.between)
	if err != nil {
		return err
	}
	pixels, tables, coefs := batch.Tensors[0].Buffer, batch.Tensors[1].Buffer, batch.Tensors[2].Buffer
	blocks := func(n int) [3]int { return [3]int{max(1, (n+threads*perThread-1)/(threads*perThread)), len(w.jobs), 1} }
	down, err := device.Function(kernel.PTX, kernel.Down)
	if err != nil {
		return err
	}
	if err := device.Launch(down, blocks(w.largestDown), [3]int{threads, 1, 1}, 0, pixels, tables, coefs, jobs, between); err != nil {
		return err
	}
	across, err := device.Function(kernel.PTX, kernel.Across)
	if err != nil {
		return err
	}
	return device.Launch(across, blocks(w.largestAcross), [3]int{threads, 1, 1}, 0, between, tables, coefs, jobs, bytes, floats, scale)
}

// compute does the work of the kernels with the loops of resample.
func (f *Filter) compute(batch *cuda.Batch, w *work, bytes []byte, floats []float32) {
	pixels, tables, coefs := batch.Tensors[0].Host, cuda.View[int32](batch.Tensors[1].Host), cuda.View[int16](batch.Tensors[2].Host)
	windows := func(n, first, start, at int64, samples int) resample.Windows {
		s := tables[start : start+n+1]
		return resample.Windows{Samples: samples, First: tables[first : first+n], Start: s, Coefs: coefs[at : at+int64(s[n])]}
	}
	for i := range w.jobs {
		j := &w.jobs[i]
		h := int64(0)
		for k := range j.down {
			h = max(h, int64(tables[j.firstDown+k])+int64(tables[j.startDown+k+1]-tables[j.startDown+k]))
		}
		across := resample.Axis{Windows: windows(j.across, j.firstAcross, j.startAcross, j.coefsAcross, int(j.width))}
		down := resample.Axis{Windows: windows(j.down, j.firstDown, j.startDown, j.coefsDown, int(h))}
		source := resample.Plane{Pix: pixels[j.source : j.source+j.width*h], Stride: int(j.width), W: int(j.width), H: int(h)}
		f.scaler.Scale(&f.plane, source, &across, &down, w.swap[i])
		f.place(j, w.swap[i], bytes, floats)
	}
}

// place writes a resized plane into the results.
func (f *Filter) place(j *job, swap bool, bytes []byte, floats []float32) {
	along, row := j.stepAcross, j.stepDown
	if swap {
		along, row = row, along
	}
	for y := range f.plane.H {
		at := j.target + int64(y)*row
		samples := f.plane.Row(y)
		switch {
		case j.channel < 0 && along == 1:
			copy(bytes[at:], samples)
		case j.channel < 0:
			for _, v := range samples {
				bytes[at] = v
				at += along
			}
		default:
			scale, offset := f.Scale[j.channel][0], f.Scale[j.channel][1]
			out := floats[at : at+int64(len(samples))]
			for x, v := range samples {
				// The conversion rounds the product. Without it, some machines fuse it with the sum.
				out[x] = float32(float32(v)*scale) + offset
			}
		}
	}
}
