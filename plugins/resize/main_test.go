package main

import (
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
		{"colour", func(r *Resize) { r.Background = "whitish" }, nil, `--background: "whitish" is no colour`},
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
