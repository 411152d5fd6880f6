package thumb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kagurazaka/kagurazaka/plugins/internal/libtiff"
	"github.com/kagurazaka/kagurazaka/plugins/internal/meta"
	"github.com/kagurazaka/kagurazaka/plugins/internal/resample"
	"github.com/kagurazaka/kagurazaka/plugins/internal/turbo"
)

// Resizer makes thumbnails. Several goroutines may use it: each takes one of its sets of buffers.
type Resizer struct {
	options Options
	library *turbo.Library
	missing error
	// tiff loads libtiff when the first picture needs it. Most runs never do.
	tiff func() (*libtiff.Library, error)

	mu   sync.Mutex
	idle []*processor
}

// New makes a Resizer that uses libjpeg-turbo and libtiff if the machine has them. It fails if an option is wrong.
func New(o Options) (*Resizer, error) {
	r, err := newStd(o)
	if err != nil {
		return nil, err
	}
	r.library, r.missing = turbo.Load()
	r.tiff = sync.OnceValues(libtiff.Load)
	return r, nil
}

// newStd makes a Resizer without libraries.
func newStd(o Options) (*Resizer, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	return &Resizer{options: o, tiff: func() (*libtiff.Library, error) { return nil, errors.New("libraries are not looked for") }}, nil
}

// Describe describes how pictures are decoded, and why a library is not used.
func (r *Resizer) Describe() (how string, why error) {
	loops, jpeg, tiff := "portable", "Go's image/jpeg", "in Go alone"
	if resample.Vectorised() {
		loops = "AVX2"
	}
	if r.library != nil {
		jpeg = fmt.Sprintf("libjpeg-turbo %s.x from %s", r.library.API, r.library.Path)
	}
	library, missing := r.tiff()
	if library != nil {
		tiff = "with libtiff from " + library.Path
	}
	return fmt.Sprintf("decoding JPEG with %s, rarer kinds of TIFF %s, resizing with %s loops", jpeg, tiff, loops), errors.Join(r.missing, missing)
}

// Close frees the libraries' memory. No other method may run during or after it.
func (r *Resizer) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.idle {
		p.close()
	}
	r.idle = nil
}

// CheckOutput checks the extension of an output.
func CheckOutput(path string) error {
	_, err := outputFormat(path)
	return err
}

// File makes a thumbnail of one picture file, in the format of the output's extension.
func (r *Resizer) File(ctx context.Context, in, out string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to, err := outputFormat(out)
	if err != nil {
		return err
	}
	return r.with(func(p *processor) error {
		if err := readFile(&p.input, in); err != nil {
			return err
		}
		file, err := p.bytes(p.input.Bytes(), to)
		if err != nil {
			return err
		}
		return WriteFile(out, file)
	})
}

// with calls f with a processor. After a panic the processor is not reused: its buffers may be in any state.
func (r *Resizer) with(f func(*processor) error) error {
	p, err := r.take()
	if err != nil {
		return err
	}
	err = f(p)
	r.put(p)
	return err
}

func (r *Resizer) take() (*processor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		p := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return p, nil
	}
	p := &processor{options: r.options, tiff: r.tiff}
	if r.library == nil {
		return p, nil
	}
	var err error
	if p.decoder, err = r.library.NewDecoder(); err != nil {
		return nil, err
	}
	if p.encoder, err = r.library.NewEncoder(); err != nil {
		p.decoder.Close()
		return nil, err
	}
	return p, nil
}

func (r *Resizer) put(p *processor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, p)
}

// axes are the filters for the two directions of a plane.
type axes struct{ across, down resample.Axis }

// processor works on one picture at a time and reuses its buffers for the next one.
type processor struct {
	options Options
	decoder *turbo.Decoder // nil without the library, like encoder
	encoder *turbo.Encoder
	tiff    func() (*libtiff.Library, error)

	input        bytes.Buffer
	orientation  meta.Orientation // of a JPEG
	source       [3]resample.Plane
	pixels       resample.Plane // interleaved, four bytes a pixel
	luma, chroma axes
	scaler       resample.Scaler
	out          result
	// apart is set during Read.
	apart *Picture
	alloc func(n int) []byte

	converted [3]resample.Plane
	padded    resample.Plane
	io        [3]turbo.Plane
	jpeg      []byte
	encoded   bytes.Buffer
}

func (p *processor) close() {
	if p.decoder != nil {
		p.decoder.Close()
		p.encoder.Close()
	}
}

// bytes makes the thumbnail's file from the picture's. The next call reuses its memory.
func (p *processor) bytes(data []byte, to format) ([]byte, error) {
	if err := p.decode(data, to); err != nil {
		return nil, err
	}
	return p.encode(to)
}

// decode decodes and resizes a picture into p.out, or decodes it into p.apart.
func (p *processor) decode(data []byte, to format) error {
	from, err := sniff(data)
	if err != nil {
		return err
	}
	p.orientation, p.out.profile = meta.Upright, nil
	if from == formatJPEG {
		return p.decodeJPEG(data, to)
	}
	return p.decodeStd(data, from, to)
}
