package tiffhead

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// field is a tag of a test file, with values of 16 bits, of 32 if one is larger, or with bytes as they are.
type field struct {
	tag    uint16
	values []uint32
	kind   uint16
	raw    []byte
	count  int
}

func short(tag uint16, values ...uint32) field { return field{tag: tag, values: values} }

// file makes a TIFF header of fields.
func file(order binary.AppendByteOrder, big bool, fields ...field) []byte {
	mark, magic := "II", uint16(42)
	if order.String() == "BigEndian" {
		mark = "MM"
	}
	if big {
		magic = 43
	}
	b := order.AppendUint16([]byte(mark), magic)
	word := func(b []byte, v int) []byte {
		if big {
			return order.AppendUint64(b, uint64(v))
		}
		return order.AppendUint32(b, uint32(v))
	}
	size, entry := 4, 12
	if big {
		size, entry = 8, 20
		b = order.AppendUint16(order.AppendUint16(b, 8), 0)
	}
	b = word(b, len(b)+size)
	if big {
		b = order.AppendUint64(b, uint64(len(fields)))
	} else {
		b = order.AppendUint16(b, uint16(len(fields)))
	}
	behind := len(b) + len(fields)*entry + size
	var rest []byte
	for _, f := range fields {
		kind, count, raw := f.kind, f.count, f.raw
		if raw == nil {
			kind, count = typeShort, len(f.values)
			if slices.ContainsFunc(f.values, func(v uint32) bool { return v > math.MaxUint16 }) {
				kind = typeLong
			}
			for _, v := range f.values {
				if kind == typeLong {
					raw = order.AppendUint32(raw, v)
				} else {
					raw = order.AppendUint16(raw, uint16(v))
				}
			}
		}
		b = word(order.AppendUint16(order.AppendUint16(b, f.tag), kind), count)
		if len(raw) <= size {
			b = append(b, append(raw[:len(raw):len(raw)], make([]byte, size-len(raw))...)...)
			continue
		}
		b = word(b, behind+len(rest))
		rest = append(rest, raw...)
	}
	return append(word(b, 0), rest...)
}

// good are the tags of a picture that is nothing special.
func good() []field {
	return []field{
		short(tagWidth, 48), short(tagHeight, 32), short(tagBits, 8, 8, 8), short(tagCompression, 1), short(tagPhotometric, RGB),
		short(tagStripOffsets, 8), short(tagSamples, 3), short(tagRowsPerStrip, 10), short(tagStripCounts, 48*32*3),
	}
}

// with returns the tags of a picture of which some are others; a field without values leaves one out.
func with(changed ...field) []field {
	fields := good()
	for _, c := range changed {
		i := slices.IndexFunc(fields, func(f field) bool { return f.tag == c.tag })
		switch {
		case i < 0:
			fields = append(fields, c)
		case c.values == nil && c.raw == nil:
			fields = slices.Delete(fields, i, i+1)
		default:
			fields[i] = c
		}
	}
	return fields
}

func TestRead(t *testing.T) {
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, large := range []bool{false, true} {
			h, err := Read(file(order, large, good()...))
			if err != nil {
				t.Fatalf("%s, large %v: %v", name, large, err)
			}
			if h.Big != large || !h.Sorted || h.Width != 48 || h.Height != 32 || h.Samples != 3 || h.Bits != 8 || h.Format != Unsigned ||
				h.Compression != Uncompressed || h.Photometric != RGB || h.Planes || h.Reversed || h.Predictor != 1 || h.Orientation != 1 ||
				h.Tiled || h.BlockW != 48 || h.BlockH != 10 || h.Assumed || h.Alpha() != 0 || h.Colours() != 3 {
				t.Errorf("%s, large %v: %+v", name, large, h)
			}
		}
	}
	float := func(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }
	h, err := Read(file(binary.LittleEndian, false, with(
		short(tagRowsPerStrip, math.MaxUint32), short(tagFillOrder, 2), short(tagPlanes, 2), short(TagOrientation, 6), short(tagSamples, 4),
		short(tagBits, 32, 32, 32, 32), short(tagSampleFormat, 3, 3, 3, 3), short(tagExtraSamples, 2), short(tagPredictor, 3),
		field{tag: tagMin, kind: typeFloat, count: 1, raw: float(-2)}, field{tag: tagMax, kind: typeFloat, count: 1, raw: float(4)},
	)...))
	if err != nil {
		t.Fatal(err)
	}
	if h.Sorted || !h.Planes || !h.Reversed || h.Orientation != 6 || h.BlockH != 32 || h.Format != Float || h.Alpha() != Unassociated ||
		h.Predictor != 3 || !h.Ranged || h.Min != -2 || h.Max != 4 {
		t.Errorf("%+v", h)
	}
	// What files leave out, and everybody takes for the same.
	for name, fields := range map[string][]field{
		"fourth channel": with(short(tagSamples, 4), short(tagBits, 8, 8, 8, 8)),
		"one size":       with(short(tagBits, 8)),
		"signed bytes":   with(short(tagSampleFormat, 2)),
	} {
		if h, err := Read(file(binary.LittleEndian, false, fields...)); err != nil || !h.Assumed || h.Format != Unsigned || h.Bits != 8 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	colours := func(n int) field { return field{tag: tagColorMap, kind: typeShort, count: n, raw: make([]byte, 2*n)} }
	palette := []field{short(tagPhotometric, Palette), short(tagSamples, 1), short(tagBits, 4)}
	for _, c := range []struct {
		name   string
		fields []field
		want   string
	}{
		{"width", with(field{tag: tagWidth}), "no ImageWidth (tag 256)"},
		{"kind of colours", with(field{tag: tagPhotometric}), "no PhotometricInterpretation (tag 262)"},
		{"no height", with(short(tagHeight, 0)), "promises 48 x 0 pixels"},
		{"twice", append(good(), short(tagWidth, 49)), "ImageWidth (tag 256) is given twice"},
		{"colours of a kind to come", with(short(tagPhotometric, 99)), "PhotometricInterpretation (tag 262) is 99, which is not known"},
		{"raw picture of a camera", with(short(tagPhotometric, 32803)), "is 32803, which is not known"},
		{"planes", with(short(tagPlanes, 3)), "PlanarConfiguration (tag 284) is 3, which is not known"},
		{"order of bits", with(short(tagFillOrder, 3)), "FillOrder (tag 266) is 3, which is not known"},
		{"samples", with(short(tagSampleFormat, 5)), "SampleFormat (tag 339) is 5, which is not known"},
		{"predictor", with(short(tagPredictor, 34892)), "Predictor (tag 317) is 34892, which is not known"},
		{"sizes of channels", with(short(tagBits, 5, 6, 5)), "BitsPerSample (tag 258) has the values [5 6 5]"},
		{"no bits", with(short(tagBits, 0)), "BitsPerSample (tag 258) is 0"},
		{"channels", with(short(tagSamples, 65535)), "SamplesPerPixel (tag 277) is 65535"},
		{"few channels", with(short(tagSamples, 2)), "SamplesPerPixel (tag 277) is 2, too few"},
		{"inks", with(short(tagPhotometric, Inks), short(tagSamples, 4), short(tagInkSet, 2)), "not cyan, magenta, yellow and black"},
		{"indexed", with(short(tagIndexed, 1)), "Indexed (tag 346) is 1, which is not known"},
		{"decode", with(short(tagDecode, 1)), "Decode (tag 433) is not known"},
		{"deep", with(short(tagImageDepth, 7)), "ImageDepth (tag 32997) is 7"},
		{"tile", with(short(tagTileWidth, 16), short(tagTileHeight, 0)), "16 x 0 pixels"},
		{"extra", with(short(tagExtraSamples, 0, 0, 0, 0)), "ExtraSamples (tag 338) has 4 values"},
		{"no value", with(field{tag: tagWidth, kind: typeShort, raw: []byte{}}), "ImageWidth (tag 256) has no value"},
		{"a text", with(field{tag: tagWidth, kind: 2, count: 2, raw: []byte("48")}), "must be integers"},
		{"no type", with(field{tag: tagWidth, kind: 77, count: 1, raw: []byte("4848")}), "type 77, which does not exist"},
		{"many values", with(field{tag: tagBits, kind: typeShort, count: 65, raw: make([]byte, 130)}), "has 65 values, and 64 are the most"},
		{"values elsewhere", with(field{tag: tagBits, kind: typeShort, count: 60, raw: []byte{0, 0, 1, 0}}), "ends before the values of BitsPerSample"},
		{"no palette", with(palette...), "no ColorMap (tag 320)"},
		{"small palette", with(append(palette, colours(45))...), "ColorMap (tag 320) has 45 values, want 48 for 4 bits"},
	} {
		_, err := Read(file(binary.LittleEndian, false, c.fields...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	whole := file(binary.BigEndian, false, good()...)
	for _, n := range []int{0, 4, 7, 9, 20, len(whole) - 30} {
		if _, err := Read(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes were read", n, len(whole))
		}
	}
	if _, err := Read([]byte("MM\x00+\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10")); err == nil || !strings.Contains(err.Error(), "large TIFF is damaged") {
		t.Errorf("error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(binary.LittleEndian, false, good()...))
	f.Add(file(binary.BigEndian, true, good()...))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Read(data)
		if err != nil {
			return
		}
		if h.Width < 1 || h.Height < 1 || h.BlockW < 1 || h.BlockH < 1 || h.Bits < 1 || h.Bits > 64 || h.Samples < h.Colours() ||
			h.Photometric == Palette && h.Bits <= 16 && len(h.Palette) != 1<<h.Bits || h.Orientation < 1 || h.Orientation > 8 {
			t.Fatalf("read %+v", h)
		}
	})
}
