package thumb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"testing"
)

// tiffPicture is a TIFF file of 48 x 32 pixels, as tests write it.
type tiffPicture struct {
	order       binary.AppendByteOrder // little, if nil
	big         bool                   // BigTIFF
	unsorted    bool
	photometric int
	samples     int // 3, if 0
	bits        int // 8, if 0
	float       bool
	planes      bool
	reversed    bool
	deflate     bool
	tile        int // its side
	strip       int // rows of a strip; 10, if 0
	// block packs a block, instead of what is there for the fields above.
	block       func(samples []byte) []byte
	compression int
	// at is a sample, in the numbers that are written.
	at   func(x, y, channel int) float64
	more []tiffTag
}

type tiffTag struct {
	tag, kind int
	values    []float64
}

const (
	asShort = 3
	asLong  = 4
	asFloat = 11
)

func shorts(tag int, values ...float64) tiffTag { return tiffTag{tag, asShort, values} }

// whole fills a channel's tag with equal values.
func (p *tiffPicture) whole(tag int, v float64) tiffTag {
	return shorts(tag, slices.Repeat([]float64{v}, p.samples)...)
}

func (p tiffPicture) file(t testing.TB) []byte {
	t.Helper()
	const w, h = 48, 32
	if p.order == nil {
		p.order = binary.LittleEndian
	}
	p.samples, p.bits = max(p.samples, 1), max(p.bits, 1)
	if p.strip == 0 {
		p.strip = 10
	}
	blockW, blockH := w, p.strip
	if p.tile > 0 {
		blockW, blockH = p.tile, p.tile
	}
	per, planes := p.samples, 1
	if p.planes {
		per, planes = 1, p.samples
	}
	var blocks [][]byte
	for plane := range planes {
		for y := 0; y < h; y += blockH {
			for x := 0; x < w; x += blockW {
				rows := blockH
				if p.tile == 0 {
					rows = min(rows, h-y)
				}
				blocks = append(blocks, p.pack(t, p.rows(x, y, blockW, rows, plane, per)))
			}
		}
	}
	tags := []tiffTag{
		shorts(256, w), shorts(257, h), p.whole(258, float64(p.bits)), shorts(262, float64(p.photometric)), shorts(277, float64(p.samples)),
	}
	add := func(when bool, tag tiffTag) {
		if when {
			tags = append(tags, tag)
		}
	}
	compression := max(1, p.compression)
	if p.deflate {
		compression = 8
	}
	add(true, shorts(259, float64(compression)))
	add(p.reversed, shorts(266, 2))
	add(p.planes, shorts(284, 2))
	add(p.float, p.whole(339, 3))
	add(p.tile > 0, shorts(322, float64(p.tile)))
	add(p.tile > 0, shorts(323, float64(p.tile)))
	add(p.tile == 0, shorts(278, float64(p.strip)))
	for _, m := range p.more {
		tags = slices.DeleteFunc(tags, func(t tiffTag) bool { return t.tag == m.tag })
		tags = append(tags, m)
	}
	return p.assemble(tags, blocks)
}

// rows are the samples of a block.
func (p *tiffPicture) rows(x0, y0, w, h, plane, per int) []byte {
	var b []byte
	for y := y0; y < y0+h; y++ {
		row := make([]byte, 0, w*per*p.bits/8+1)
		free := 0 // bits of the last byte
		for x := x0; x < x0+w; x++ {
			for c := plane; c < plane+per; c++ {
				v := p.at(x, y, c)
				switch {
				case p.float && p.bits == 64:
					row = p.order.AppendUint64(row, math.Float64bits(v))
				case p.float:
					row = p.order.AppendUint32(row, math.Float32bits(float32(v)))
				case p.bits == 32:
					row = p.order.AppendUint32(row, uint32(int64(v)))
				case p.bits == 16:
					row = p.order.AppendUint16(row, uint16(int64(v)))
				default:
					for i := p.bits - 1; i >= 0; i-- {
						if free == 0 {
							row, free = append(row, 0), 8
						}
						free--
						row[len(row)-1] |= byte(int64(v)>>i&1) << free
					}
				}
			}
		}
		b = append(b, row...)
	}
	return b
}

func (p *tiffPicture) pack(t testing.TB, b []byte) []byte {
	if p.block != nil {
		return p.block(b)
	}
	if p.deflate {
		var packed bytes.Buffer
		w := zlib.NewWriter(&packed)
		if _, err := w.Write(b); err != nil || w.Close() != nil {
			t.Fatal("packing into memory failed")
		}
		b = packed.Bytes()
	}
	if p.reversed {
		for i := range b {
			b[i] = bits.Reverse8(b[i])
		}
	}
	return b
}

// assemble writes header, blocks and tags.
func (p *tiffPicture) assemble(tags []tiffTag, blocks [][]byte) []byte {
	order := p.order
	mark, magic, size := "II", uint16(42), 4
	if order.String() == "BigEndian" {
		mark = "MM"
	}
	if p.big {
		magic, size = 43, 8
	}
	word := func(b []byte, v int) []byte {
		if p.big {
			return order.AppendUint64(b, uint64(v))
		}
		return order.AppendUint32(b, uint32(v))
	}
	b := order.AppendUint16([]byte(mark), magic)
	if p.big {
		b = order.AppendUint16(order.AppendUint16(b, 8), 0)
	}
	start := len(b)
	b = word(b, 0)
	var offsets, counts []float64
	for _, block := range blocks {
		offsets, counts = append(offsets, float64(len(b))), append(counts, float64(len(block)))
		b = append(b, block...)
	}
	if p.tile > 0 {
		tags = append(tags, tiffTag{324, asLong, offsets}, tiffTag{325, asLong, counts})
	} else {
		tags = append(tags, tiffTag{273, asLong, offsets}, tiffTag{279, asLong, counts})
	}
	slices.SortFunc(tags, func(a, b tiffTag) int { return a.tag - b.tag })
	if p.unsorted {
		slices.Reverse(tags)
	}
	// Values that do not fit lie before the tags.
	fields := make([][]byte, len(tags))
	for i, tag := range tags {
		var raw []byte
		for _, v := range tag.values {
			switch tag.kind {
			case 1:
				raw = append(raw, byte(v))
			case asShort:
				raw = order.AppendUint16(raw, uint16(v))
			case asLong:
				raw = order.AppendUint32(raw, uint32(v))
			case asFloat:
				raw = order.AppendUint32(raw, math.Float32bits(float32(v)))
			}
		}
		if len(raw) > size {
			at := len(b)
			b = append(b, raw...)
			raw = word(nil, at)
		}
		fields[i] = append(raw, make([]byte, size-len(raw))...)
	}
	at := word(nil, len(b))
	copy(b[start:], at)
	if p.big {
		b = order.AppendUint64(b, uint64(len(tags)))
	} else {
		b = order.AppendUint16(b, uint16(len(tags)))
	}
	for i, tag := range tags {
		b = word(order.AppendUint16(order.AppendUint16(b, uint16(tag.tag)), uint16(tag.kind)), len(tag.values))
		b = append(b, fields[i]...)
	}
	return word(b, 0)
}
