package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/plugins/internal/thumb"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

const size = 48

// pictures makes a folder of pictures of all kinds and sizes.
func pictures(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.jpg", "*.png", "*.webp", "*.tif"} {
		found, err := filepath.Glob(filepath.Join("..", "internal", "thumb", "testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 8 {
		t.Fatalf("the pictures for tests have gone: %v", paths)
	}
	dir := t.TempDir()
	for i, wh := range [][2]int{{640, 480}, {333, 500}, {31, 17}, {1200, 77}, {1, 900}, {48, 48}} {
		var img image.Image
		rgba := image.NewNRGBA(image.Rect(0, 0, wh[0], wh[1]))
		gray := image.NewGray(rgba.Rect)
		for y := range wh[1] {
			for x := range wh[0] {
				v := uint8(127 + 120*math.Sin(float64(x*x+3*y*y)/900))
				rgba.SetNRGBA(x, y, color.NRGBA{v, uint8(x * 7), uint8(y * 3), 255})
				gray.SetGray(x, y, color.Gray{v})
			}
		}
		if img = rgba; i%3 == 2 {
			img = gray
		}
		var file bytes.Buffer
		if err := jpeg.Encode(&file, img, &jpeg.Options{Quality: 92}); err != nil {
			t.Fatal(err)
		}
		for orientation := 1; orientation <= 8; orientation += 5 { // upright, and turned by a quarter
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.jpg", i, orientation))
			if err := os.WriteFile(path, turned(file.Bytes(), orientation), 0o666); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

// turned puts an EXIF segment with an orientation into a JPEG.
func turned(file []byte, orientation int) []byte {
	exif := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[25] = byte(orientation)
	out := append([]byte{}, file[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(exif)+2))
	return append(append(out, exif...), file[2:]...)
}

// resized runs the task on a device and returns its outputs.
func resized(t *testing.T, device, ext string, paths []string, args ...string) [][]byte {
	t.Helper()
	dir := t.TempDir()
	options := []sdktest.Option{sdktest.Device(device), sdktest.BatchSize(7)}
	var outputs []string
	for i, path := range paths {
		outputs = append(outputs, filepath.Join(dir, fmt.Sprint(i), "picture"+ext))
		options = append(options, sdktest.File(path, outputs[i]))
	}
	for i, o := range sdktest.Run(t, task, append([]string{"--size", fmt.Sprint(size)}, args...), options...) {
		if o.Status != sdktest.Done {
			t.Fatalf("%s: %s: %v", paths[i], o.Status, o.Err)
		}
	}
	var files [][]byte
	for _, path := range outputs {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// thumbnails are what plugins/resize makes.
func thumbnails(t *testing.T, ext string, paths []string) [][]byte {
	t.Helper()
	r, err := thumb.New(thumb.Options{Size: size, Quality: 85, Background: color.RGBA{255, 255, 255, 255}, MaxPixels: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var files [][]byte
	out := filepath.Join(t.TempDir(), "out"+ext)
	for _, path := range paths {
		if err := r.File(context.Background(), path, out); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// elements are a .npy file's shape and data.
func elements(t *testing.T, file []byte, descr string) (shape string, data []byte) {
	t.Helper()
	if len(file) < 64 || !bytes.HasPrefix(file, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("no .npy file: %q", file[:min(len(file), 20)])
	}
	n := 10 + int(binary.LittleEndian.Uint16(file[8:]))
	head := string(file[10:n])
	if n%64 != 0 || !strings.HasSuffix(head, "\n") || !strings.Contains(head, "'descr': '"+descr+"'") {
		t.Fatalf("the header ends at %d: %q", n, head)
	}
	_, shape, _ = strings.Cut(head, "'shape': (")
	shape, _, _ = strings.Cut(shape, ")")
	return shape, file[n:]
}

func devices(t *testing.T, test func(t *testing.T, device string)) {
	t.Run("cpu", func(t *testing.T) { test(t, "cpu") })
	t.Run("cuda", func(t *testing.T) {
		if why := withoutCUDA(); why != nil {
			t.Skip(why)
		}
		test(t, "cuda:0")
	})
}

// TestJPEGIsThatOfResize compares files, byte for byte, with those that plugins/resize makes.
func TestJPEGIsThatOfResize(t *testing.T) {
	paths := pictures(t)
	want := thumbnails(t, ".jpg", paths)
	devices(t, func(t *testing.T, device string) {
		for i, got := range resized(t, device, ".jpg", paths) {
			if !bytes.Equal(got, want[i]) {
				t.Errorf("%s: the two JPEGs differ", paths[i])
			}
		}
	})
}

// TestNPYIsThatOfResize compares samples with those of the PNG that plugins/resize makes. A picture with transparent parts has a background
// here and none there, and is left out.
func TestNPYIsThatOfResize(t *testing.T) {
	paths := pictures(t)
	want := thumbnails(t, ".png", paths)
	devices(t, func(t *testing.T, device string) {
		compared := 0
		for i, got := range resized(t, device, ".npy", paths) {
			shape, data := elements(t, got, "|u1")
			img, err := png.Decode(bytes.NewReader(want[i]))
			if err != nil {
				t.Fatal(err)
			}
			b := img.Bounds()
			if wanted := fmt.Sprintf("%d, %d, 3,", b.Dy(), b.Dx()); shape != wanted || len(data) != b.Dx()*b.Dy()*3 {
				t.Errorf("%s: shape %s and %d bytes, want %s", paths[i], shape, len(data), wanted)
				continue
			}
			if o, ok := img.(interface{ Opaque() bool }); ok && !o.Opaque() {
				continue
			}
			compared++
			worst := 0
			for at := range data {
				c := color.NRGBAModel.Convert(img.At(at/3%b.Dx(), at/3/b.Dx())).(color.NRGBA)
				worst = max(worst, abs(int(data[at])-int([]uint8{c.R, c.G, c.B}[at%3])))
			}
			if worst > 0 {
				t.Errorf("%s: the largest difference is %d", paths[i], worst)
			}
		}
		if compared < 16 {
			t.Errorf("only %d pictures were compared", compared)
		}
	})
}

func abs(v int) int { return max(v, -v) }

func TestNormalized(t *testing.T) {
	paths := pictures(t)[:6]
	plain := resized(t, "cpu", ".npy", paths)
	mean, deviation := []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	var onCPU [][]byte
	devices(t, func(t *testing.T, device string) {
		files := resized(t, device, ".npy", paths, "--normalize", "imagenet")
		if onCPU == nil {
			onCPU = files
		}
		if !slices.EqualFunc(files, onCPU, bytes.Equal) {
			t.Error("the device's numbers are not the CPU's bit for bit")
		}
		for i, file := range files {
			shape, data := elements(t, file, "<f4")
			shapeOf, samples := elements(t, plain[i], "|u1")
			var h, w int
			if _, err := fmt.Sscanf(shapeOf, "%d, %d", &h, &w); err != nil || shape != fmt.Sprintf("3, %d, %d,", h, w) {
				t.Fatalf("shapes %s and %s: %v", shapeOf, shape, err)
			}
			for at := range samples {
				c, pixel := at%3, at/3
				got := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*(c*w*h+pixel):])))
				if want := (float64(samples[at])/255 - mean[c]) / deviation[c]; math.Abs(got-want) > 1e-5 {
					t.Fatalf("%s: sample %d is %v, want %v", paths[i], at, got, want)
				}
			}
		}
	})
}

func TestBrokenPicturesFailAlone(t *testing.T) {
	good := pictures(t)[0]
	bad := filepath.Join(t.TempDir(), "bad.jpg")
	if err := os.WriteFile(bad, []byte("\xff\xd8\xff no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	outcomes := sdktest.Run(t, task, nil, sdktest.File(good, out("a.npy")), sdktest.File(bad, out("b.npy")), sdktest.File(good, out("c.npy")),
		sdktest.File(good, out("d.tiff")))
	for i, want := range []string{"", "broken", "", `extension is ".tiff"`} {
		switch o := outcomes[i]; {
		case want == "" && o.Status != sdktest.Done:
			t.Errorf("item %d: %s: %v", i, o.Status, o.Err)
		case want != "" && (o.Status != sdktest.Failed || !strings.Contains(o.Err.Message, want)):
			t.Errorf("item %d: %s: %v, want %q", i, o.Status, o.Err, want)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
		t.Errorf("outputs %v, %v", files, err)
	}
}

func TestBadArgumentsAreAllNamed(t *testing.T) {
	err := sdktest.Open(t, task, []string{"--size", "0", "--background", "blurple", "--normalize", "1,2/3"},
		sdktest.Mixin(map[string]any{"output_mode.ext": ".gif"}))
	for _, want := range []string{"the size is 0", "blurple", `"1,2/3" is not a mean`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	for text, want := range map[string]string{"0,0,0/1,1,0": "above 0", "0,0,0/1,1,x": "R,G,B/R,G,B", "NaN,0,0/1,1,1": "finite", "1,2,3": "R,G,B/R,G,B"} {
		if err := sdktest.Open(t, task, []string{"--normalize", text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
