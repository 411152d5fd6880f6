package turbo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func library(t *testing.T) *Library {
	t.Helper()
	lib, err := Load()
	if err != nil {
		t.Skipf("no libjpeg-turbo on this machine; fetch-libraries.sh gets it: %v", err)
	}
	return lib
}

func TestLoadSaysWhereItLooked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvPath, filepath.Join(dir, "none.so"))
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "none.so")) || !strings.Contains(err.Error(), EnvPath) {
		t.Errorf("error %v", err)
	}
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvPath, text)
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v", err)
	}
}

func TestPlaneSize(t *testing.T) {
	for _, c := range []struct {
		sub                            Subsampling
		lumaW, lumaH, colourW, colourH int
	}{
		{Sub444, 37, 21, 37, 21}, {Sub422, 38, 21, 19, 21}, {Sub420, 38, 22, 19, 11}, {Sub440, 37, 22, 37, 11}, {Sub411, 40, 21, 10, 21},
	} {
		w, h := c.sub.PlaneSize(0, 37, 21)
		cw, ch := c.sub.PlaneSize(2, 37, 21)
		if w != c.lumaW || h != c.lumaH || cw != c.colourW || ch != c.colourH {
			t.Errorf("%d: %d x %d and %d x %d", c.sub, w, h, cw, ch)
		}
	}
	if x, y := Subsampling(-1).Factors(); x != 0 || y != 0 {
		t.Error("a layout that does not exist has factors")
	}
}

// TestRoundTrip encodes planes in every layout and decodes them at every size.
func TestRoundTrip(t *testing.T) {
	lib := library(t)
	e, err := lib.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	d, err := lib.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const w, h = 75, 43
	level := [3]byte{180, 90, 140}
	for _, sub := range []Subsampling{Sub444, Sub422, Sub420, SubGray, Sub440, Sub411} {
		n := 3
		if sub == SubGray {
			n = 1
		}
		var src []Plane
		for i := range n {
			pw, ph := sub.PlaneSize(i, w, h)
			pix := make([]byte, (pw+5)*ph)
			for at := range pix {
				pix[at] = level[i]
			}
			src = append(src, Plane{pix, pw + 5})
		}
		data, err := e.Encode(nil, src, sub, w, h, 90)
		if err != nil {
			t.Fatal(err)
		}
		head, err := d.Header(data)
		if err != nil {
			t.Fatal(err)
		}
		space := YCbCr
		if sub == SubGray {
			space = Gray
		}
		if want := (Header{w, h, sub, space}); head != want {
			t.Errorf("header %+v, want %+v", head, want)
		}
		for eighths := 1; eighths <= 8; eighths++ {
			var dst []Plane
			for i := range n {
				pw, ph := sub.PlaneSize(i, Scaled(w, eighths), Scaled(h, eighths))
				dst = append(dst, Plane{make([]byte, pw*ph), pw})
			}
			if err := d.Planes(dst, data, head, eighths); err != nil {
				t.Fatalf("layout %d at %d/8: %v", sub, eighths, err)
			}
			fx, fy := sub.Factors()
			for i, plane := range dst {
				// What pads a plane to whole colour samples may be anything.
				validW, validH := Scaled(w, eighths), Scaled(h, eighths)
				if i > 0 {
					validW, validH = (validW+fx-1)/fx, (validH+fy-1)/fy
				}
				for at, v := range plane.Pix {
					if at%plane.Stride >= validW || at/plane.Stride >= validH {
						continue
					}
					if diff := int(v) - int(level[i]); diff < -2 || diff > 2 {
						t.Fatalf("layout %d at %d/8: sample %d of plane %d is %d, want %d", sub, eighths, at, i, v, level[i])
					}
				}
			}
			pixels := make([]byte, 4*Scaled(w, eighths)*Scaled(h, eighths))
			if err := d.Pixels(pixels, data, head, eighths); err != nil {
				t.Fatalf("layout %d at %d/8: %v", sub, eighths, err)
			}
			if pixels[len(pixels)-4] < 150 {
				t.Errorf("layout %d at %d/8: the last pixel is %v", sub, eighths, pixels[len(pixels)-4:])
			}
		}
	}
}

func TestMemoryIsChecked(t *testing.T) {
	lib := library(t)
	d, err := lib.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	e, err := lib.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	head := Header{64, 64, Sub420, YCbCr}
	small := []Plane{{make([]byte, 64*64), 64}, {make([]byte, 32*32-1), 32}, {make([]byte, 32*32), 32}}
	if err := d.Planes(small, []byte{0}, head, 8); err == nil || !strings.Contains(err.Error(), "too few") {
		t.Errorf("decoding into planes that are too small: %v", err)
	}
	if err := d.Pixels(make([]byte, 64*64*4-1), []byte{0}, head, 8); err == nil || !strings.Contains(err.Error(), "too few") {
		t.Errorf("decoding into too few pixels: %v", err)
	}
	if _, err := e.Encode(nil, small, Sub420, 64, 64, 90); err == nil || !strings.Contains(err.Error(), "too few") {
		t.Errorf("encoding planes that are too small: %v", err)
	}
}

func TestFaults(t *testing.T) {
	lib := library(t)
	d, err := lib.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var fault *Error
	for _, data := range []string{"", "no JPEG at all", "\xff\xd8\xff\xd9"} {
		if _, err := d.Header([]byte(data)); !errors.As(err, &fault) || fault.Message == "" || fault.Harmless() {
			t.Errorf("%q: error %v", data, err)
		}
	}
	for text, want := range map[string]bool{
		"Corrupt JPEG data: 3 extraneous bytes before marker 0xdb": true,
		"Unknown Adobe color transform code 7":                     true,
		"Corrupt JPEG data: premature end of data segment":         false,
		"Premature end of JPEG file":                               false,
	} {
		if got := (&Error{Message: text, Warning: true}).Harmless(); got != want {
			t.Errorf("%q: harmless %v", text, got)
		}
		if (&Error{Message: text}).Harmless() {
			t.Errorf("%q: harmless though it is fatal", text)
		}
	}
}
