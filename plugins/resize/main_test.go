package main

import (
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk"
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
