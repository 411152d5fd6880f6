package filter

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kagurazaka/kagurazaka/plugins/internal/thumb"
	"github.com/kagurazaka/kagurazaka/sdk/cuda"
)

// onDevice makes a batch of n copies of one picture on a device.
func onDevice(b testing.TB, device cuda.Device, n int, layout Layout) *cuda.Batch {
	b.Helper()
	path := filepath.Join(b.TempDir(), "picture.jpg")
	img := image.NewNRGBA(image.Rect(0, 0, 640, 480))
	for at := range 640 * 480 {
		img.SetNRGBA(at%640, at/640, color.NRGBA{uint8(at), uint8(at / 640), uint8(at / 1000), 255})
	}
	f, err := os.Create(path)
	if err == nil {
		err = jpeg.Encode(f, img, nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	_ = f.Close()
	r, err := thumb.New(thumb.Options{Size: 256, Quality: 85, MaxPixels: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	batch := &cuda.Batch{Len: n}
	err = r.Read(context.Background(), path, layout == Planes, func(n int) []byte { return make([]byte, n) }, func(m *thumb.Picture) error {
		tensors, err := Load(m, layout)
		if err != nil {
			return err
		}
		for _, t := range tensors {
			p := cuda.Packed{DType: t.DType, Shapes: slices.Repeat([][]int{t.Shape}, n), Host: slices.Repeat(t.Data, n)}
			if err := p.SetOffsets(); err != nil {
				return err
			}
			if p.Buffer, err = device.Upload(p.Host); err != nil {
				return err
			}
			batch.Tensors = append(batch.Tensors, p)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return batch
}

// BenchmarkInfer resizes pictures of 640 x 480 to 256 that are on the device already: the kernels alone.
func BenchmarkInfer(b *testing.B) {
	for _, name := range []string{"cpu", "cuda:0"} {
		for layout, what := range []string{"planes", "bytes", "floats"} {
			b.Run(fmt.Sprintf("%s/%s", name, what), func(b *testing.B) {
				const n = 64
				opened, err := cuda.OpenDevice(name)
				if err != nil {
					b.Skip(err)
				}
				defer opened.Close()
				var batch *cuda.Batch
				release, err := opened.Batch(func(device cuda.Device, _ func([]byte, *cuda.Buffer) error) error {
					batch = onDevice(b, device, n, Layout(layout))
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				defer release()
				filter := &Filter{Scale: [3][2]float32{{1, 0}, {1, 0}, {1, 0}}}
				for b.Loop() {
					release, err := opened.Batch(func(device cuda.Device, _ func([]byte, *cuda.Buffer) error) error {
						_, err := filter.Infer(device, batch)
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
					release()
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
			})
		}
	}
}
