package tiffhead

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Compressions.
const (
	Uncompressed = 1
	Fax3         = 3
	Fax4         = 4
	LZW          = 5
	OldJPEG      = 6
	Deflate      = 8
	OldDeflate   = 32946
	PackBits     = 32773
)

// Photometric interpretations.
const (
	WhiteIsZero = 0
	BlackIsZero = 1
	RGB         = 2
	Palette     = 3
	Inks        = 5
	YCbCr       = 6
	Lab         = 8
	LogL        = 32844
	LogLuv      = 32845
)

// Sample formats.
const (
	Unsigned = 1
	Signed   = 2
	Float    = 3

	undefined = 4
)

// Kinds of opacity.
const (
	Associated   = 1 // the colours are multiplied by it
	Unassociated = 2
)

// Header is the header of a TIFF file's first picture, with defaults set.
type Header struct {
	Big bool
	// Sorted: the tags are in ascending order, as the format requires.
	Sorted        bool
	Width, Height int
	// Samples is the number of channels, Bits the size of each.
	Samples, Bits, Format int
	// Assumed: the file omits or misnames the meaning of a channel. The header has the meaning that all programs assume.
	Assumed                  bool
	Compression, Photometric int
	// Planes: the channels are stored separately.
	Planes bool
	// Reversed: the first pixel of a byte is in its lowest bit.
	Reversed    bool
	Predictor   int
	Orientation int
	Extra       []int
	// BlockW and BlockH are the size of a tile or strip.
	Tiled          bool
	BlockW, BlockH int
	// FaxOptions are the bits of T4Options or T6Options.
	FaxOptions int
	InkSet     int
	// Palette has the colours with 16 bits per channel. DarkPalette: they are all below 256, as many programs wrongly write.
	Palette     [][3]uint16
	DarkPalette bool
	// Min and Max are the range of the samples if Ranged is set.
	Ranged   bool
	Min, Max float64
}

// TagOrientation and TagXMP are tags for package meta.
const (
	TagOrientation = 274
	TagXMP         = 700
)

const (
	tagWidth          = 256
	tagHeight         = 257
	tagBits           = 258
	tagCompression    = 259
	tagPhotometric    = 262
	tagFillOrder      = 266
	tagStripOffsets   = 273
	tagSamples        = 277
	tagRowsPerStrip   = 278
	tagStripCounts    = 279
	tagPlanes         = 284
	tagT4Options      = 292
	tagT6Options      = 293
	tagPredictor      = 317
	tagColorMap       = 320
	tagTileWidth      = 322
	tagTileHeight     = 323
	tagInkSet         = 332
	tagExtraSamples   = 338
	tagSampleFormat   = 339
	tagMin            = 340
	tagMax            = 341
	tagIndexed        = 346
	tagDecode         = 433
	tagImageDepth     = 32997
	tagTileDepth      = 32998
	maxSamples        = 64
	maxSide           = math.MaxInt32
	standardFillOrder = 1
)

var names = map[uint16]string{
	tagWidth: "ImageWidth", tagHeight: "ImageLength", tagBits: "BitsPerSample", tagCompression: "Compression", tagPhotometric: "PhotometricInterpretation",
	tagFillOrder: "FillOrder", tagStripOffsets: "StripOffsets", TagOrientation: "Orientation", tagSamples: "SamplesPerPixel",
	tagRowsPerStrip: "RowsPerStrip", tagStripCounts: "StripByteCounts", tagPlanes: "PlanarConfiguration", tagT4Options: "T4Options",
	tagT6Options: "T6Options", tagPredictor: "Predictor", tagColorMap: "ColorMap", tagTileWidth: "TileWidth", tagTileHeight: "TileLength",
	324: "TileOffsets", 325: "TileByteCounts", tagInkSet: "InkSet", tagExtraSamples: "ExtraSamples",
	tagSampleFormat: "SampleFormat", tagMin: "SMinSampleValue", tagMax: "SMaxSampleValue", tagIndexed: "Indexed", tagDecode: "Decode",
	TagXMP: "XMP", tagImageDepth: "ImageDepth", tagTileDepth: "TileDepth",
}

func name(tag uint16) string {
	if n, ok := names[tag]; ok {
		return fmt.Sprintf("%s (tag %d)", n, tag)
	}
	return fmt.Sprintf("tag %d", tag)
}

// reader reads tags and keeps the first error.
type reader struct {
	dir Directory
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// one returns the value of a tag, or the default. Several equal values are one.
func (r *reader) one(tag uint16, otherwise int) int {
	values := r.all(tag)
	if len(values) == 0 {
		return otherwise
	}
	for _, v := range values[1:] {
		if v != values[0] {
			r.fail(fmt.Errorf("%s has the values %d, which is not known for one picture", name(tag), values))
		}
	}
	return values[0]
}

// all returns the values of a tag.
func (r *reader) all(tag uint16) []int {
	e, ok := r.dir.Find(tag)
	if !ok {
		return nil
	}
	wide, err := e.Uints(maxSamples)
	if err != nil {
		r.fail(err)
		return nil
	}
	if len(wide) == 0 {
		r.fail(fmt.Errorf("%s has no value", name(tag)))
	}
	values := make([]int, len(wide))
	for i, v := range wide {
		if v > maxSide {
			v = maxSide // "all rows" is the largest number in many files
		}
		values[i] = int(v)
	}
	return values
}

// oneOf is one with a check for known values.
func (r *reader) oneOf(tag uint16, otherwise int, known ...int) int {
	v := r.one(tag, otherwise)
	if r.err == nil && !slices.Contains(known, v) {
		r.fail(fmt.Errorf("%s is %d, which is not known", name(tag), v))
	}
	return v
}

// Read reads and checks the tags that matter for decoding. It fails if they contradict each other, or have unknown values.
func Read(data []byte) (Header, error) {
	dir, err := First(data)
	if err != nil {
		return Header{}, err
	}
	r := &reader{dir: dir}
	h := Header{Big: dir.Big, Sorted: true}
	seen := map[uint16]bool{}
	last := -1
	for _, e := range dir.Entries {
		if int(e.Tag) <= last {
			h.Sorted = false
		}
		last = int(e.Tag)
		if _, matters := names[e.Tag]; matters && seen[e.Tag] {
			return h, fmt.Errorf("%s is given twice", name(e.Tag))
		}
		seen[e.Tag] = true
	}
	for _, tag := range []uint16{tagWidth, tagHeight, tagPhotometric} {
		if !seen[tag] {
			return h, fmt.Errorf("the file has no %s", name(tag))
		}
	}
	h.Width, h.Height = r.one(tagWidth, 0), r.one(tagHeight, 0)
	h.Bits = r.one(tagBits, 1)
	h.Compression = r.one(tagCompression, Uncompressed)
	h.Photometric = r.one(tagPhotometric, 0)
	h.Samples = r.one(tagSamples, 1)
	if h.Compression == OldJPEG && h.Photometric == YCbCr && !seen[tagSamples] {
		h.Samples = 3 // old programs omit it
	}
	h.Assumed = len(r.all(tagBits)) != h.Samples && h.Samples > 1
	h.Format = r.oneOf(tagSampleFormat, Unsigned, Unsigned, Signed, Float, undefined)
	if h.Format == undefined || h.Format == Signed && h.Bits == 8 {
		// Programs that call bytes signed mean unsigned ones.
		h.Format, h.Assumed = Unsigned, true
	}
	h.Planes = r.oneOf(tagPlanes, 1, 1, 2) == 2 && h.Samples > 1
	h.Reversed = r.oneOf(tagFillOrder, standardFillOrder, standardFillOrder, 2) == 2
	h.Predictor = r.oneOf(tagPredictor, 1, 1, 2, 3)
	h.InkSet = r.one(tagInkSet, 1)
	h.Extra = r.all(tagExtraSamples)
	if h.Extra == nil && h.Photometric == RGB && h.Samples == 4 {
		h.Extra, h.Assumed = []int{Unassociated}, true
	}
	if h.Orientation = r.one(TagOrientation, 1); h.Orientation < 1 || h.Orientation > 8 {
		h.Orientation = 1
	}
	switch h.Compression {
	case Fax3:
		h.FaxOptions = r.one(tagT4Options, 0)
	case Fax4:
		h.FaxOptions = r.one(tagT6Options, 0)
	}
	// Other values of these change the meaning of other tags, or of the whole file.
	r.oneOf(tagIndexed, 0, 0)
	r.oneOf(tagImageDepth, 1, 1)
	r.oneOf(tagTileDepth, 1, 1)
	if seen[tagDecode] {
		r.fail(fmt.Errorf("%s is not known", name(tagDecode)))
	}
	r.readBlocks(&h)
	r.readPalette(&h)
	r.readRange(&h)
	if r.err != nil {
		return h, r.err
	}
	err = h.check()
	return h, err
}

func (r *reader) readBlocks(h *Header) {
	_, h.Tiled = r.dir.Find(tagTileWidth)
	if h.Tiled {
		h.BlockW, h.BlockH = r.one(tagTileWidth, 0), r.one(tagTileHeight, 0)
	} else {
		h.BlockW, h.BlockH = h.Width, min(r.one(tagRowsPerStrip, maxSide), h.Height)
	}
}

func (r *reader) readPalette(h *Header) {
	if h.Photometric != Palette || h.Bits < 1 || h.Bits > 16 {
		return
	}
	e, ok := r.dir.Find(tagColorMap)
	if !ok {
		r.fail(fmt.Errorf("the file has no %s", name(tagColorMap)))
		return
	}
	n := 1 << h.Bits
	colours, err := e.Uints(3 * n)
	if err != nil {
		r.fail(err)
		return
	}
	if len(colours) != 3*n {
		r.fail(fmt.Errorf("%s has %s, want %d for %s", name(tagColorMap), count.Of(len(colours), "value"), 3*n, count.Of(h.Bits, "bit")))
		return
	}
	h.DarkPalette = !slices.ContainsFunc(colours, func(v uint64) bool { return v > 255 })
	h.Palette = make([][3]uint16, n)
	for i := range h.Palette {
		h.Palette[i] = [3]uint16{uint16(colours[i]), uint16(colours[n+i]), uint16(colours[2*n+i])}
	}
}

func (r *reader) readRange(h *Header) {
	low, ok1 := r.dir.Find(tagMin)
	high, ok2 := r.dir.Find(tagMax)
	if !ok1 || !ok2 {
		return
	}
	mins, err1 := low.numbers(maxSamples)
	maxs, err2 := high.numbers(maxSamples)
	if err1 != nil || err2 != nil || len(mins) == 0 || len(maxs) == 0 {
		return // the range is optional
	}
	h.Min, h.Max = slices.Min(mins), slices.Max(maxs)
	h.Ranged = h.Min < h.Max && !math.IsInf(h.Min, 0) && !math.IsInf(h.Max, 0)
}

func (h *Header) check() error {
	switch {
	case h.Width < 1 || h.Height < 1:
		return fmt.Errorf("the header promises %d x %d pixels", h.Width, h.Height)
	case h.Samples < 1 || h.Samples > maxSamples:
		return fmt.Errorf("%s is %d, and must be 1 to %d", name(tagSamples), h.Samples, maxSamples)
	case h.Bits < 1 || h.Bits > 64:
		return fmt.Errorf("%s is %d, and must be 1 to 64", name(tagBits), h.Bits)
	case h.BlockW < 1 || h.BlockH < 1:
		return fmt.Errorf("a block of the picture has %d x %d pixels", h.BlockW, h.BlockH)
	case len(h.Extra) > h.Samples:
		return fmt.Errorf("%s has %s, and a pixel %s", name(tagExtraSamples), count.Of(len(h.Extra), "value"), count.Of(h.Samples, "sample"))
	}
	if h.Colours() == 0 {
		return fmt.Errorf("%s is %d, which is not known", name(tagPhotometric), h.Photometric)
	}
	if h.Samples < h.Colours() {
		return fmt.Errorf("%s is %d, too few for %s %d", name(tagSamples), h.Samples, name(tagPhotometric), h.Photometric)
	}
	if h.Photometric == Inks && h.InkSet != 1 {
		return errors.New("the inks of the picture are not cyan, magenta, yellow and black")
	}
	return nil
}

// channels is the number of colour channels for each photometric interpretation.
var channels = map[int]int{WhiteIsZero: 1, BlackIsZero: 1, Palette: 1, RGB: 3, Inks: 4, YCbCr: 3, Lab: 3, LogL: 1, LogLuv: 3}

// Colours returns the number of channels without the extra ones.
func (h *Header) Colours() int { return channels[h.Photometric] }

// Alpha returns the opacity in the first extra channel: Associated, Unassociated, or 0 for none.
func (h *Header) Alpha() int {
	if h.Samples > h.Colours() && len(h.Extra) > 0 && (h.Extra[0] == Associated || h.Extra[0] == Unassociated) {
		return h.Extra[0]
	}
	return 0
}
