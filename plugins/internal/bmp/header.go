// Package bmp decodes BMP pictures of Windows and OS/2, of all kinds but Huffman's. It fails if a picture is incomplete.
package bmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image/color"
	"math/bits"
	"slices"
)

const (
	fileHeaderSize = 14
	// The sizes of the kinds of header.
	sizeCore = 12 // OS/2 1
	sizeOS2  = 64 // OS/2 2, of which 16 bytes or more are there
	sizeInfo = 40 // Windows 3
	sizeRGB  = 52 // with masks of colours
	sizeRGBA = 56 // and of opacity
	sizeV4   = 108
	sizeV5   = 124
)

const (
	plain          = 0
	rle8           = 1
	rle4           = 2
	bitFields      = 3 // Huffman in OS/2's headers
	rle24          = 4 // in OS/2's headers; a JPEG in others
	alphaBitFields = 6
)

// Header is the part of a file before its pixels.
type Header struct {
	Width, Height int

	topDown     bool
	bits        int
	compression uint32
	palette     color.Palette
	fields      [4]field // red, green, blue, opacity
	pixels      []byte
}

// field is the place of a channel in a pixel of 16 or 32 bits.
type field struct {
	mask  uint32
	shift int
	full  uint32 // the largest value; 0 without the channel
}

func (f field) of(v uint32) uint8 {
	if f.full == 0 {
		return 0
	}
	return uint8((uint64((v&f.mask)>>f.shift)*255 + uint64(f.full)/2) / uint64(f.full))
}

var (
	errTruncated = errors.New("the file ends in its header")
	le           = binary.LittleEndian
)

// ReadHeader reads and checks the header.
func ReadHeader(data []byte) (h Header, err error) {
	if len(data) < fileHeaderSize+4 {
		return h, errTruncated
	}
	if string(data[:2]) != "BM" {
		return h, errors.New("the file does not begin with BM")
	}
	size := int64(le.Uint32(data[fileHeaderSize:]))
	known := size == sizeCore || size == sizeInfo || size == sizeRGB || size == sizeRGBA || size == sizeV4 || size == sizeV5
	os2 := !known && size >= 16 && size <= sizeOS2
	if !known && !os2 {
		return h, fmt.Errorf("a header of %d bytes is not known", size)
	}
	if int64(len(data)) < fileHeaderSize+size {
		return h, errTruncated
	}
	// Missing values of a short header are 0.
	info := make([]byte, sizeV5)
	copy(info, data[fileHeaderSize:fileHeaderSize+size])
	var used int64
	if size == sizeCore {
		h.Width, h.Height, h.bits = int(le.Uint16(info[4:])), int(le.Uint16(info[6:])), int(le.Uint16(info[10:]))
	} else {
		h.Width, h.Height, h.bits = int(int32(le.Uint32(info[4:]))), int(int32(le.Uint32(info[8:]))), int(le.Uint16(info[14:]))
		h.compression, used = le.Uint32(info[16:]), int64(le.Uint32(info[32:]))
	}
	if h.Height < 0 {
		h.Height, h.topDown = -h.Height, true
	}
	if h.Width < 1 || h.Height < 1 {
		return h, fmt.Errorf("the header promises %d x %d pixels", h.Width, h.Height)
	}
	if err := h.checkKind(os2); err != nil {
		return h, err
	}
	at := fileHeaderSize + size
	masks, err := h.readMasks(data, info, size)
	if err != nil {
		return h, err
	}
	err = h.readPalette(data, at+masks, used, size)
	return h, err
}

// checkKind checks the compression and the bits of a pixel.
func (h *Header) checkKind(os2 bool) error {
	depths := map[uint32][]int{plain: {1, 2, 4, 8, 16, 24, 32}, rle8: {8}, rle4: {4}, bitFields: {16, 32}, alphaBitFields: {16, 32}}[h.compression]
	if os2 {
		depths = map[uint32][]int{plain: {1, 2, 4, 8, 16, 24, 32}, rle8: {8}, rle4: {4}, rle24: {24}}[h.compression]
	}
	if depths == nil {
		return fmt.Errorf("compression %d is not known", h.compression)
	}
	if !slices.Contains(depths, h.bits) {
		return fmt.Errorf("%d bits a pixel are not known with compression %d", h.bits, h.compression)
	}
	return nil
}

// readMasks finds the channels in pixels of 16 and 32 bits. It returns the number of bytes for them after the header.
func (h *Header) readMasks(data, info []byte, size int64) (after int64, err error) {
	if h.bits != 16 && h.bits != 32 {
		return 0, nil
	}
	masks := info[40:56]
	switch {
	case h.compression == plain:
		// Without bitFields, only the header's mask for opacity counts.
		defaults := [4]uint32{0xff0000, 0xff00, 0xff, 0}
		if h.bits == 16 {
			defaults = [4]uint32{0x7c00, 0x3e0, 0x1f, 0}
		} else if size >= sizeRGBA && le.Uint32(info[52:]) == 0xff000000 {
			defaults[3] = 0xff000000
		}
		masks, _ = binary.Append(nil, le, defaults)
	case size < sizeRGB:
		after = 12
		if h.compression == alphaBitFields {
			after = 16
		}
		at := fileHeaderSize + size
		if int64(len(data)) < at+after {
			return 0, errTruncated
		}
		masks = make([]byte, 16)
		copy(masks, data[at:at+after])
	}
	for i := range h.fields {
		mask := le.Uint32(masks[4*i:])
		f := field{mask: mask, shift: bits.TrailingZeros32(mask)}
		if mask != 0 {
			f.full = mask >> f.shift
		}
		if f.full&(f.full+1) != 0 || h.bits == 16 && mask > 0xffff {
			return 0, fmt.Errorf("a channel has the mask %#x of pixels of %d bits", mask, h.bits)
		}
		h.fields[i] = f
	}
	if h.fields[0].full == 0 || h.fields[1].full == 0 || h.fields[2].full == 0 {
		return 0, errors.New("a colour has no bits")
	}
	return after, nil
}

// readPalette reads the colours, which begin at an offset, and finds the pixels.
func (h *Header) readPalette(data []byte, at, used, size int64) error {
	entry := int64(4)
	if size == sizeCore {
		entry = 3
	}
	offset := int64(le.Uint32(data[10:]))
	if h.bits <= 8 {
		n := int64(1) << h.bits
		if used > 0 && used < n {
			n = used
		}
		if at+n*entry > offset && size == sizeCore && offset >= at+entry {
			n = (offset - at) / entry // OS/2's header has no number of colours
		}
		if size > sizeInfo && size <= sizeOS2 && offset == at+3*n {
			entry = 3 // some files of OS/2 2 have colours as in OS/2 1
		}
		if at+n*entry > int64(len(data)) {
			return errTruncated
		}
		for i := range n {
			c := data[at+i*entry:]
			h.palette = append(h.palette, color.RGBA{c[2], c[1], c[0], 255})
		}
		at += n * entry
	}
	// An offset before the end of the palette is wrong.
	at = max(at, offset)
	if at > int64(len(data)) {
		return errTruncated
	}
	h.pixels = data[at:]
	return nil
}
