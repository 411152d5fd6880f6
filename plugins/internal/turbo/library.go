package turbo

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// Library is libjpeg-turbo, loaded until the program ends.
type Library struct {
	// Path is the loaded file; API is the generation of its interface.
	Path, API string

	initDecompress, decompressHeader3, decompressToYUVPlanes, decompress2 uintptr
	initCompress, compressFromYUVPlanes, bufSize                          uintptr
	getErrorStr2, getErrorCode, destroy                                   uintptr
}

// Flags of the TurboJPEG calls.
const (
	flagNoRealloc     = 1024
	flagAccurateDCT   = 4096
	flagStopOnWarning = 8192
	flagLimitScans    = 32768

	// Damage ends a decoding at once. So do more than 500 scans of a progressive picture: each is a pass over the whole
	// picture, and a file of a few kilobytes can have thousands.
	decodeFlags = flagAccurateDCT | flagStopOnWarning | flagLimitScans

	pixelRGBX = 2
	pixelCMYK = 11

	errorWarning = 0
)

// EnvPath is the environment variable for the library's path. If it is set, Load tries nothing else.
const EnvPath = "KAGURAZAKA_TURBOJPEG"

// Load loads the library from EnvPath, or else by the system's loader, or else from the user's cache.
func Load() (*Library, error) {
	loaded, err := dynlib.Load("libjpeg-turbo", EnvPath, "libturbojpeg.so.0")
	if err != nil {
		return nil, err
	}
	lib := &Library{Path: loaded.Path, API: "2"}
	err = loaded.Bind("libjpeg-turbo 2.0", map[string]*uintptr{
		"tjInitDecompress": &lib.initDecompress, "tjDecompressHeader3": &lib.decompressHeader3,
		"tjDecompressToYUVPlanes": &lib.decompressToYUVPlanes, "tjDecompress2": &lib.decompress2,
		"tjInitCompress": &lib.initCompress, "tjCompressFromYUVPlanes": &lib.compressFromYUVPlanes, "tjBufSize": &lib.bufSize,
		"tjGetErrorStr2": &lib.getErrorStr2, "tjGetErrorCode": &lib.getErrorCode, "tjDestroy": &lib.destroy,
	})
	if err != nil {
		return nil, err
	}
	if loaded.Find("tj3Init") != 0 {
		lib.API = "3"
	}
	return lib, nil
}

// fault makes the Go error of the last call on a handle.
func (l *Library) fault(handle uintptr) error {
	code, _, _ := purego.SyscallN(l.getErrorCode, handle)
	text, _, _ := purego.SyscallN(l.getErrorStr2, handle)
	message := dynlib.String(text)
	if message == "" {
		message = "libjpeg-turbo gave no reason"
	}
	return &Error{Message: message, Warning: int32(code) == errorWarning}
}

// planes has pointers for the library. It must be on the heap, in a Decoder or Encoder, because goroutine stacks move.
type planes struct {
	pix    [3]*byte
	stride [3]int32
}

// Plane is the memory of one plane: rows Stride bytes apart.
type Plane struct {
	Pix    []byte
	Stride int
}

func (p *planes) set(from []Plane, sub Subsampling, w, h int) error {
	for i, plane := range from {
		pw, ph := sub.PlaneSize(i, w, h)
		if plane.Stride < pw || len(plane.Pix) < (ph-1)*plane.Stride+pw {
			return fmt.Errorf("plane %d has %d bytes in rows of %d: too few for %d x %d", i, len(plane.Pix), plane.Stride, pw, ph)
		}
		p.pix[i], p.stride[i] = &plane.Pix[0], int32(plane.Stride)
	}
	return nil
}

// Decoder decodes JPEGs. It is for one goroutine at a time.
type Decoder struct {
	lib    *Library
	handle uintptr
	planes planes
	header [4]int32
}

// NewDecoder makes a decoder; Close frees it.
func (l *Library) NewDecoder() (*Decoder, error) {
	handle, _, _ := purego.SyscallN(l.initDecompress)
	if handle == 0 {
		return nil, errors.New("libjpeg-turbo could not make a decoder")
	}
	return &Decoder{lib: l, handle: handle}, nil
}

// Close frees the library's memory. The decoder must not be used afterwards.
func (d *Decoder) Close() {
	purego.SyscallN(d.lib.destroy, d.handle)
}

// Header reads the header of a JPEG.
func (d *Decoder) Header(data []byte) (Header, error) {
	if len(data) == 0 {
		return Header{}, &Error{Message: "empty file"}
	}
	h := &d.header
	// For a file without a picture, the library reports success and sets nothing.
	*h = [4]int32{}
	rc, _, _ := purego.SyscallN(d.lib.decompressHeader3, d.handle,
		uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)),
		uintptr(unsafe.Pointer(&h[0])), uintptr(unsafe.Pointer(&h[1])), uintptr(unsafe.Pointer(&h[2])), uintptr(unsafe.Pointer(&h[3])))
	if int32(rc) != 0 {
		return Header{}, d.lib.fault(d.handle)
	}
	if h[0] < 1 || h[1] < 1 {
		return Header{}, &Error{Message: "the file holds no picture"}
	}
	return Header{int(h[0]), int(h[1]), Subsampling(h[2]), ColorSpace(h[3])}, nil
}

// Planes decodes a YCbCr or grey JPEG at eighths/8 of its size into planes of Subsampling.PlaneSize of the scaled size.
func (d *Decoder) Planes(dst []Plane, data []byte, h Header, eighths int) error {
	w, height := Scaled(h.Width, eighths), Scaled(h.Height, eighths)
	if err := d.planes.set(dst, h.Subsampling, w, height); err != nil {
		return err
	}
	rc, _, _ := purego.SyscallN(d.lib.decompressToYUVPlanes, d.handle,
		uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), uintptr(unsafe.Pointer(&d.planes.pix[0])),
		uintptr(w), uintptr(unsafe.Pointer(&d.planes.stride[0])), uintptr(height), decodeFlags)
	runtime.KeepAlive(d) // and with it the planes
	if int32(rc) != 0 {
		return d.lib.fault(d.handle)
	}
	return nil
}

// Pixels decodes any JPEG at eighths/8 of its size into 4 bytes per pixel: red, green, blue and an unused byte, or the four
// inks of the file for CMYK and YCCK.
func (d *Decoder) Pixels(dst []byte, data []byte, h Header, eighths int) error {
	w, height := Scaled(h.Width, eighths), Scaled(h.Height, eighths)
	if len(dst) < w*height*4 {
		return fmt.Errorf("%d bytes are too few for %d x %d pixels", len(dst), w, height)
	}
	format := uintptr(pixelRGBX)
	if h.ColorSpace == CMYK || h.ColorSpace == YCCK {
		format = pixelCMYK
	}
	rc, _, _ := purego.SyscallN(d.lib.decompress2, d.handle,
		uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), uintptr(unsafe.Pointer(&dst[0])),
		uintptr(w), uintptr(w*4), uintptr(height), format, decodeFlags)
	if int32(rc) != 0 {
		return d.lib.fault(d.handle)
	}
	return nil
}

// Encoder makes JPEGs. It is for one goroutine at a time.
type Encoder struct {
	lib    *Library
	handle uintptr
	planes planes
	out    struct {
		pix  *byte
		size uintptr
	}
}

// NewEncoder makes an encoder; Close frees it.
func (l *Library) NewEncoder() (*Encoder, error) {
	handle, _, _ := purego.SyscallN(l.initCompress)
	if handle == 0 {
		return nil, errors.New("libjpeg-turbo could not make an encoder")
	}
	return &Encoder{lib: l, handle: handle}, nil
}

// Close frees the library's memory. The encoder must not be used afterwards.
func (e *Encoder) Close() {
	purego.SyscallN(e.lib.destroy, e.handle)
}

// Encode makes a JPEG from the planes of a YCbCr or grey picture of w by h pixels. It reuses dst's memory.
func (e *Encoder) Encode(dst []byte, src []Plane, sub Subsampling, w, h, quality int) ([]byte, error) {
	if err := e.planes.set(src, sub, w, h); err != nil {
		return nil, err
	}
	size, _, _ := purego.SyscallN(e.lib.bufSize, uintptr(w), uintptr(h), uintptr(sub))
	if int(size) <= 0 {
		return nil, e.lib.fault(e.handle)
	}
	dst = slices.Grow(dst[:0], int(size))[:size]
	e.out.pix, e.out.size = &dst[0], size
	rc, _, _ := purego.SyscallN(e.lib.compressFromYUVPlanes, e.handle,
		uintptr(unsafe.Pointer(&e.planes.pix[0])), uintptr(w), uintptr(unsafe.Pointer(&e.planes.stride[0])), uintptr(h), uintptr(sub),
		uintptr(unsafe.Pointer(&e.out.pix)), uintptr(unsafe.Pointer(&e.out.size)), uintptr(quality), flagNoRealloc|flagAccurateDCT)
	runtime.KeepAlive(e)
	if int32(rc) != 0 {
		return nil, e.lib.fault(e.handle)
	}
	return dst[:e.out.size], nil
}
