// Package libtiff calls libtiff, loaded at run time, for the pictures that Go's decoder does not support.
package libtiff

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// EnvPath is the environment variable for the library's path. If it is set, Load tries nothing else.
const EnvPath = "KAGURAZAKA_LIBTIFF"

// Library is libtiff, loaded until the program ends.
type Library struct {
	// Path is the loaded file.
	Path string

	clientOpen, close                   uintptr
	readRGBA, encodedStrip, encodedTile uintptr
}

// Load loads the library from EnvPath, or else by the system's loader, or else from the user's cache.
func Load() (*Library, error) {
	files := []string{"libtiff.so.6", "libtiff.so.5"}
	if runtime.GOOS == "darwin" {
		files = []string{"libtiff.6.dylib", "libtiff.5.dylib"}
	}
	loaded, err := dynlib.Load("libtiff", EnvPath, files...)
	if err != nil {
		return nil, err
	}
	lib := &Library{Path: loaded.Path}
	var silence, listen [2]uintptr
	err = loaded.Bind("libtiff 4.0", map[string]*uintptr{
		"TIFFClientOpen": &lib.clientOpen, "TIFFClose": &lib.close, "TIFFReadRGBAImageOriented": &lib.readRGBA,
		"TIFFReadEncodedStrip": &lib.encodedStrip, "TIFFReadEncodedTile": &lib.encodedTile,
		"TIFFSetErrorHandler": &silence[0], "TIFFSetWarningHandler": &silence[1],
		"TIFFSetErrorHandlerExt": &listen[0], "TIFFSetWarningHandlerExt": &listen[1],
	})
	if err != nil {
		return nil, err
	}
	callbacks.Do(makeCallbacks)
	for i, handler := range []uintptr{onError, onWarning} {
		purego.SyscallN(silence[i], 0)
		purego.SyscallN(listen[i], handler)
	}
	return lib, nil
}

// The callbacks are made once, because a process may have only so many. They get the File's number from the library.
var (
	callbacks                                sync.Once
	onRead, onSeek, onSize, onMap, onNothing uintptr
	onError, onWarning                       uintptr
	vsnprintf                                uintptr

	mu     sync.Mutex
	open   = map[uintptr]*File{}
	number uintptr
)

func fileOf(id uintptr) *File {
	mu.Lock()
	defer mu.Unlock()
	return open[id]
}

func makeCallbacks() {
	vsnprintf, _ = purego.Dlsym(purego.RTLD_DEFAULT, "vsnprintf")
	onRead = purego.NewCallback(func(id uintptr, into unsafe.Pointer, n uintptr) uintptr {
		f := fileOf(id)
		if f == nil || f.at >= uint64(len(f.data)) {
			return 0
		}
		n = uintptr(copy(unsafe.Slice((*byte)(into), n), f.data[f.at:]))
		f.at += uint64(n)
		return n
	})
	// It stands for the functions to write, to close and to unmap.
	onNothing = purego.NewCallback(func(uintptr, uintptr, uintptr) uintptr { return 0 })
	onSeek = purego.NewCallback(func(id, to, whence uintptr) uintptr {
		f := fileOf(id)
		if f == nil {
			return ^uintptr(0)
		}
		switch int32(whence) {
		case 0:
			f.at = uint64(to)
		case 1:
			f.at += uint64(to)
		case 2:
			f.at = uint64(len(f.data)) + uint64(to)
		}
		return uintptr(f.at)
	})
	onSize = purego.NewCallback(func(id uintptr) uintptr {
		if f := fileOf(id); f != nil {
			return uintptr(len(f.data))
		}
		return 0
	})
	// The library reads the data in place.
	onMap = purego.NewCallback(func(id uintptr, base, size unsafe.Pointer) uintptr {
		f := fileOf(id)
		if f == nil {
			return 0
		}
		*(*uintptr)(base) = uintptr(unsafe.Pointer(&f.data[0]))
		*(*uint64)(size) = uint64(len(f.data))
		return 1
	})
	onError = purego.NewCallback(func(id, module, format, args uintptr) { hear(id, module, format, args, false) })
	onWarning = purego.NewCallback(func(id, module, format, args uintptr) { hear(id, module, format, args, true) })
}

// hear records a message of the library. On all supported machines, C passes the list of arguments as an address.
func hear(id, module, format, args uintptr, warning bool) {
	f := fileOf(id)
	name := dynlib.String(module)
	if f == nil || len(f.messages) >= 20 || warning && strings.HasPrefix(name, "OJPEG") {
		return // the library warns of every old JPEG
	}
	text := dynlib.String(format)
	if vsnprintf != 0 {
		buffer := make([]byte, 500)
		purego.SyscallN(vsnprintf, uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), format, args)
		text = dynlib.String(uintptr(unsafe.Pointer(&buffer[0])))
		runtime.KeepAlive(buffer)
	}
	f.messages = append(f.messages, message{warning, name, text})
}

// File is a TIFF file in memory. It is for one goroutine at a time.
type File struct {
	lib      *Library
	id       uintptr
	handle   uintptr
	data     []byte
	at       uint64
	messages []message
}

var (
	fileName = []byte("picture\x00")
	// c: do not split large strips.
	readMode = []byte("rc\x00")
)

// Open opens the first picture of a file. data must not change until Close.
func (l *Library) Open(data []byte) (*File, error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	f := &File{lib: l, data: data}
	mu.Lock()
	number++
	f.id = number
	open[f.id] = f
	mu.Unlock()
	f.handle, _, _ = purego.SyscallN(l.clientOpen, uintptr(unsafe.Pointer(&fileName[0])), uintptr(unsafe.Pointer(&readMode[0])), f.id,
		onRead, onNothing, onSeek, onNothing, onSize, onMap, onNothing)
	if f.handle == 0 {
		err := f.fault()
		f.forget()
		return nil, err
	}
	// Ignore warnings about tags: package tiffhead has checked those that matter.
	f.messages = nil
	return f, nil
}

// Close frees the library's memory.
func (f *File) Close() {
	purego.SyscallN(f.lib.close, f.handle)
	f.forget()
}

func (f *File) forget() {
	mu.Lock()
	defer mu.Unlock()
	delete(open, f.id)
}

// RGBA decodes the picture to w by h pixels of red, green and blue, multiplied by the opacity, and the opacity. With the
// file's orientation, the rows are in the stored order.
func (f *File) RGBA(pix []byte, w, h, orientation int) error {
	if len(pix) < 4*w*h || w < 1 || h < 1 {
		return fmt.Errorf("%d bytes are too few for %d x %d pixels", len(pix), w, h)
	}
	const stopAtErrors = 1
	ok, _, _ := purego.SyscallN(f.lib.readRGBA, f.handle, uintptr(w), uintptr(h), uintptr(unsafe.Pointer(&pix[0])), uintptr(orientation), stopAtErrors)
	return f.result(int32(ok) == 1)
}

// Block decodes a tile or strip, by its number in the file, to samples in the machine's byte order. It fails if their size
// is not that of dst.
func (f *File) Block(dst []byte, index int, tile bool) error {
	if len(dst) == 0 {
		return errors.New("no bytes of a block are wanted")
	}
	read := f.lib.encodedStrip
	if tile {
		read = f.lib.encodedTile
	}
	n, _, _ := purego.SyscallN(read, f.handle, uintptr(index), uintptr(unsafe.Pointer(&dst[0])), uintptr(len(dst)))
	if got := int(n); got >= 0 && got != len(dst) {
		return fmt.Errorf("block %d has %d bytes, want %d", index, got, len(dst))
	}
	return f.result(int(n) == len(dst))
}

// result is the error of a call. A message counts as an error: the library fills in missing data with a warning.
func (f *File) result(ok bool) error {
	if !ok || len(f.messages) > 0 {
		return f.fault()
	}
	return nil
}

// fault returns the library's first error, or else its first warning.
func (f *File) fault() error {
	messages := f.messages
	f.messages = nil
	if len(messages) == 0 {
		return errors.New("libtiff gave no reason")
	}
	first := messages[0]
	if i := slices.IndexFunc(messages, func(m message) bool { return !m.warning }); i >= 0 {
		first = messages[i]
	}
	if first.module == "" || first.module == string(fileName[:len(fileName)-1]) {
		return errors.New(first.text)
	}
	return errors.New(first.module + ": " + first.text)
}

// message is an error or a warning of the library.
type message struct {
	warning      bool
	module, text string
}
