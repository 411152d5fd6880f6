package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// How compressed data begins.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// maxWindow is the most memory that a Zstandard file may ask for: that of zstd's own --long, without a number.
const maxWindow = 128 << 20

// readSize is that of the buffer that lines are read from.
const readSize = 256 << 10

// Reader reads the bytes of a list. They may be compressed with gzip or Zstandard: how a file begins decides, not its name.
type Reader struct {
	*bufio.Reader
	// Form is "gzip" or "Zstandard"; empty: the list is not compressed.
	Form  string
	close func()
}

// NewReader begins to read a list, which is not closed with the Reader. The name alone tells that an empty file was to be compressed.
func NewReader(list io.Reader, name string) (*Reader, error) {
	plain := bufio.NewReaderSize(list, readSize)
	r := &Reader{Reader: plain, close: func() {}}
	var unpacked io.Reader
	var err error
	switch {
	case begins(plain, gzipMagic):
		r.Form = "gzip"
		unpacked, err = gzip.NewReader(plain)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	case begins(plain, zstdMagic):
		r.Form = "Zstandard"
		var d *zstd.Decoder
		if d, err = zstd.NewReader(plain, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true)); err == nil {
			unpacked, r.close = d, d.Close
		}
	case ends(plain, name, ".gz", gzipMagic):
		r.Form, err = "gzip", io.ErrUnexpectedEOF
	case ends(plain, name, ".zst", zstdMagic):
		r.Form, err = "Zstandard", io.ErrUnexpectedEOF
	default:
		return r, nil
	}
	if err != nil {
		return nil, r.Damage(err)
	}
	r.Reader = bufio.NewReaderSize(unpacked, readSize)
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() { r.close() }

// Damage says what an error of reading means; nil: the list is not compressed, and the error says all.
func (r *Reader) Damage(err error) error {
	switch {
	case r.Form == "":
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the %s data ends too early: the file was cut off, or is still being written", r.Form)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("the Zstandard data needs more than %d MiB of memory: compress it with zstd --long=27, or less", maxWindow>>20)
	}
	return fmt.Errorf("the %s data is damaged: %w", r.Form, err)
}

// begins reports whether a list begins with some bytes. It does not wait for more bytes than it needs: the list may be a pipe.
func begins(list *bufio.Reader, with string) bool {
	for n := 1; n <= len(with); n++ {
		if b, err := list.Peek(n); err != nil || b[n-1] != with[n-1] {
			return false
		}
	}
	return true
}

// ends reports whether a list has the name of a compressed one, and ends before that could begin.
func ends(list *bufio.Reader, name, suffix, magic string) bool {
	if !strings.HasSuffix(name, suffix) {
		return false
	}
	b, err := list.Peek(len(magic))
	return errors.Is(err, io.EOF) && strings.HasPrefix(magic, string(b))
}
