package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

func TestOpenChecksItsArguments(t *testing.T) {
	good := Resize{Size: 256, Quality: 85, Background: "white", MaxPixels: 1000}
	ext := func(ext any) map[string]any { return map[string]any{"output_mode": map[string]any{"ext": ext}} }
	for _, c := range []struct {
		name     string
		change   func(*Resize)
		template map[string]any
		want     string
	}{
		{"defaults", func(*Resize) {}, ext(".jpg"), ""},
		{"png", func(*Resize) {}, ext(".PNG"), ""},
		{"no template", func(*Resize) {}, nil, ""},
		{"mode without extension", func(*Resize) {}, map[string]any{"output_mode": map[string]any{"file_to_write": 3}}, ""},
		{"webp", func(*Resize) {}, ext(".webp"), `extension is ".webp"`},
		{"colour", func(r *Resize) { r.Background = "whitish" }, nil, `--background: "whitish" is not a colour`},
		{"size", func(r *Resize) { r.Size = -1 }, nil, "the size is -1"},
	} {
		r := good
		c.change(&r)
		err := r.Open(t.Context(), sdk.Env{Template: c.template})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: closing: %v", c.name, err)
		}
	}
}

func TestResize(t *testing.T) {
	dir := t.TempDir()
	m := image.NewRGBA(image.Rect(0, 0, 200, 100))
	for i := range m.Pix {
		m.Pix[i] = byte(i%4*60 + 75)
	}
	in, broken := filepath.Join(dir, "a.png"), filepath.Join(dir, "b.jpg")
	f, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("\xff\xd8\xff\xe0 and no more"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	outcomes := sdktest.Run(t, task, []string{"--size", "50"},
		sdktest.File(in, filepath.Join(out, "a.png")), sdktest.File(broken, filepath.Join(out, "b.jpg")))
	if o := outcomes[0]; o.Status != sdktest.Done {
		t.Errorf("%s: %v", o.Status, o.Err)
	}
	if o := outcomes[1]; o.Status != sdktest.Failed || o.Err.Panic || !strings.Contains(o.Err.Message, "JPEG picture is broken") {
		t.Errorf("%s: %v", o.Status, o.Err)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the output folder holds %v, %v", entries, err)
	}
	f, err = os.Open(filepath.Join(out, "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Bounds() != image.Rect(0, 0, 50, 25) {
		t.Errorf("the thumbnail has %v", got.Bounds())
	}
	if c := color.NRGBAModel.Convert(got.At(20, 10)).(color.NRGBA); c != (color.NRGBA{75, 135, 195, 255}) {
		t.Errorf("its middle is %v", c)
	}
}

// TestResizeOfOldKinds runs the task on a picture that only old programs write, one that no decoder here knows, and one that
// would become too large.
func TestResizeOfOldKinds(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Join(parts, nil), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	le := binary.LittleEndian
	// A BMP of 8 x 4 pixels with 5, 6 and 5 bits.
	info := make([]byte, 40)
	le.PutUint32(info, 40)
	le.PutUint32(info[4:], 8)
	le.PutUint32(info[8:], 4)
	le.PutUint16(info[12:], 1)
	le.PutUint16(info[14:], 16)
	le.PutUint32(info[16:], 3)
	masks := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 0xf800), 0x7e0), 0x1f)
	head := le.AppendUint32(append([]byte("BM"), make([]byte, 8)...), 14+40+12)
	old := write("old.bmp", head, info, masks, bytes.Repeat(le.AppendUint16(nil, 16<<11|32<<5|24), 32))
	// A TIFF whose channels are stored in a way that does not exist.
	tags := [][3]uint16{{256, 3, 1}, {257, 3, 1}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}, {273, 3, 8}, {277, 3, 1}, {279, 3, 1}, {284, 3, 3}}
	tif := le.AppendUint16([]byte("II*\x00\x08\x00\x00\x00"), uint16(len(tags)))
	for _, tag := range tags {
		tif = le.AppendUint32(le.AppendUint16(le.AppendUint16(tif, tag[0]), tag[1]), 1)
		tif = le.AppendUint32(tif, uint32(tag[2]))
	}
	odd := write("odd.tif", tif, make([]byte, 4))

	out := filepath.Join(dir, "out")
	outcomes := sdktest.Run(t, task, nil, sdktest.File(old, filepath.Join(out, "old.png")), sdktest.File(odd, filepath.Join(out, "odd.png")))
	if o := outcomes[0]; o.Status != sdktest.Done {
		t.Fatalf("%s: %v", o.Status, o.Err)
	}
	data, err := os.ReadFile(filepath.Join(out, "old.png"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if c := color.NRGBAModel.Convert(got.At(4, 2)).(color.NRGBA); c != (color.NRGBA{132, 130, 197, 255}) {
		t.Errorf("its middle is %v", c)
	}
	if o := outcomes[1]; o.Status != sdktest.Failed || !strings.Contains(o.Err.Message, "PlanarConfiguration (tag 284) is 3") {
		t.Errorf("%s: %v", o.Status, o.Err)
	}
	outcomes = sdktest.Run(t, task, []string{"--enlarge", "--size", "65535"}, sdktest.File(old, filepath.Join(out, "large.png")))
	if o := outcomes[0]; o.Status != sdktest.Failed || !strings.Contains(o.Err.Message, "65535 x 32768 = 2147450880 pixels, more than the limit of 200000000 (--max-pixels)") {
		t.Errorf("%s: %v", o.Status, o.Err)
	}
}
