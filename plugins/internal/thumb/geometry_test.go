package thumb

import (
	"image/color"
	"testing"
)

// The sizes are those of Pillow's thumbnail.
func TestFit(t *testing.T) {
	for _, c := range [][5]int{
		{4000, 3000, 256, 256, 192}, {3000, 4000, 256, 192, 256}, {4000, 3000, 7, 7, 5}, {1024, 767, 256, 256, 192},
		{1600, 1067, 256, 256, 171}, {1600, 1067, 100, 100, 67}, {641, 480, 256, 256, 192}, {3, 1000, 256, 1, 256}, {1000, 3, 100, 100, 1},
		{257, 256, 256, 256, 255}, {257, 256, 100, 100, 100}, {999, 1000, 256, 256, 256}, {1337, 911, 256, 256, 174}, {1337, 911, 100, 100, 68},
		{256, 300, 256, 218, 256}, {256, 300, 100, 85, 100}, {256, 300, 7, 6, 7}, {300, 299, 256, 256, 255}, {5000, 7, 256, 256, 1},
		{256, 256, 256, 256, 256}, {20, 10, 256, 20, 10}, {256, 1, 256, 256, 1},
	} {
		if w, h := fit(c[0], c[1], c[2], false); w != c[3] || h != c[4] {
			t.Errorf("%d x %d in %d: %d x %d, want %d x %d", c[0], c[1], c[2], w, h, c[3], c[4])
		}
	}
	for _, c := range [][5]int{{20, 10, 256, 256, 128}, {10, 20, 256, 128, 256}, {1, 1, 9, 9, 9}, {512, 256, 256, 256, 128}} {
		if w, h := fit(c[0], c[1], c[2], true); w != c[3] || h != c[4] {
			t.Errorf("%d x %d in %d, enlarging: %d x %d, want %d x %d", c[0], c[1], c[2], w, h, c[3], c[4])
		}
	}
}

func TestReduction(t *testing.T) {
	for _, c := range [][3]int{{256, 256, 8}, {1023, 256, 8}, {1024, 256, 4}, {2047, 256, 4}, {2048, 256, 2}, {4095, 256, 2}, {4096, 256, 1}, {20000, 256, 1}, {100, 400, 8}} {
		if got := reduction(c[0], c[1]); got != c[2] {
			t.Errorf("%d to %d: %d/8, want %d/8", c[0], c[1], got, c[2])
		}
	}
}

func TestEnlarge(t *testing.T) {
	o := defaults
	o.Size = 96
	paths(t, o, func(t *testing.T, r *Resizer) {
		checkRamp(t, mustShow(t, r, fixture(t, "baseline-444.jpg"), formatJPEG), 48, 32, 1, 5, shrunk(1))
	})
	o.Enlarge = true
	paths(t, o, func(t *testing.T, r *Resizer) {
		for _, to := range []format{formatJPEG, formatPNG} {
			checkRamp(t, mustShow(t, r, fixture(t, "baseline-444.jpg"), to), 96, 64, 1, 6, shrunk(0.5))
		}
	})
}

func TestParseColor(t *testing.T) {
	for text, want := range map[string]color.RGBA{
		"white": {255, 255, 255, 255}, "Black": {0, 0, 0, 255}, "#f80": {255, 136, 0, 255}, "#102030": {16, 32, 48, 255}, "rebeccapurple": {},
		"": {}, "#12": {}, "#12345": {}, "102030": {}, "#gggggg": {}, "#10203040": {},
	} {
		got, err := ParseColor(text)
		if (err == nil) != (want.A == 255) || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
