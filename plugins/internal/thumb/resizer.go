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

// Resizer makes thumbnails. It may be used by several goroutines at a time; each takes a set of buffers of its own, which are kept.
type Resizer struct {
	options Options
	library *turbo.Library
	missing error
	// tiff loads libtiff when the first picture needs it: most runs have none.
	tiff func() (*libtiff.Library, error)

	mu   sync.Mutex
	idle []*processor
}

// New makes a Resizer that uses libjpeg-turbo and libtiff where the machine has them, and says what is wrong with the options.
func New(o Options) (*Resizer, error) {
	r, err := newStd(o)
	if err != nil {
		return nil, err
	}
	r.library, r.missing = turbo.Load()
	r.tiff = sync.OnceValues(libtiff.Load)
	return r, nil
}

// newStd makes a Resizer that does not look for libraries.
func newStd(o Options) (*Resizer, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	return &Resizer{options: o, tiff: func() (*libtiff.Library, error) { return nil, errors.New("libraries are not looked for") }}, nil
}

// Describe says how pictures are decoded, in half a sentence, and why libraries are not used that could be.
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

// Close frees the memory that is not Go's. No File may be running or follow.
func (r *Resizer) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.idle {
		p.close()
	}
	r.idle = nil
}

// CheckOutput says what is wrong with a path, or merely an extension, that thumbnails are to be written to.
func CheckOutput(path string) error {
	_, err := outputFormat(path)
	return err
}

// File makes a thumbnail of one picture file. What is written follows the output's extension. After an error there is no output.
func (r *Resizer) File(ctx context.Context, in, out string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to, err := outputFormat(out)
	if err != nil {
		return err
	}
	p, err := r.take()
	if err != nil {
		return err
	}
	// A processor is not put back after a panic: its buffers may be in any state.
	err = p.file(in, out, to)
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

// axes are the two directions of one kind of plane.
type axes struct{ across, down resample.Axis }

// processor works on one picture at a time and keeps every buffer for the next one.
type processor struct {
	options Options
	decoder *turbo.Decoder // nil without the library, as encoder
	encoder *turbo.Encoder
	tiff    func() (*libtiff.Library, error)

	input        []byte
	orientation  meta.Orientation // of the picture at hand, where the header was read before decoding
	source       [3]resample.Plane
	pixels       resample.Plane // interleaved, four bytes a pixel
	luma, chroma axes
	scaler       resample.Scaler
	out          result
	// apart is set while a picture is read to be resized elsewhere.
	apart *Picture
	alloc func(n int) []byte

	converted [3]resample.Plane
	padded    resample.Plane
	io        [3]turbo.Plane
	jpeg      []byte
	spliced   []byte
	encoded   bytes.Buffer
}

func (p *processor) close() {
	if p.decoder != nil {
		p.decoder.Close()
		p.encoder.Close()
	}
}

func (p *processor) file(in, out string, to format) error {
	var err error
	if p.input, err = readFile(p.input, in); err != nil {
		return err
	}
	file, err := p.bytes(p.input, to)
	if err != nil {
		return err
	}
	return writeFile(out, file)
}

// bytes makes the thumbnail's file from the picture's. It lies in memory that the next call reuses.
func (p *processor) bytes(data []byte, to format) ([]byte, error) {
	from, err := sniff(data)
	if err != nil {
		return nil, err
	}
	p.orientation, p.out.profile = meta.Upright, nil
	if from == formatJPEG {
		err = p.decodeJPEG(data, to)
	} else {
		err = p.decodeStd(data, from, to)
	}
	if err != nil {
		return nil, err
	}
	return p.encode(to)
}
