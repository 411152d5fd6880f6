package main

import (
	"errors"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk"
	"github.com/kagurazaka/kagurazaka/sdk/sdktest"
)

func TestPicture(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pictures")
	args := []string{"--count", "5", "--size", "64", "--out", out}
	run := func(want ...sdktest.Status) {
		t.Helper()
		outcomes := sdktest.Run(t, task, args)
		if len(outcomes) != len(want) {
			t.Fatalf("%d outcomes, want %d", len(outcomes), len(want))
		}
		for i, o := range outcomes {
			if o.Status != want[i] {
				t.Errorf("item %s: %s (%v), want %s", o.Item, o.Status, o.Err, want[i])
			}
		}
	}
	run(sdktest.Done, sdktest.Done, sdktest.Done, sdktest.Done, sdktest.Done)
	if c := decodeConfig(t, filepath.Join(out, "pic-00004.jpg")); c.Width != 64 || c.Height != 48 {
		t.Errorf("drew %d x %d", c.Width, c.Height)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 5 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
	// What is there is left alone; what is missing is drawn again.
	if err := os.Remove(filepath.Join(out, "pic-00002.jpg")); err != nil {
		t.Fatal(err)
	}
	run(sdktest.Skipped, sdktest.Skipped, sdktest.Done, sdktest.Skipped, sdktest.Skipped)
}

func TestList(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "folder")
	items, err := sdktest.List(t, task, []string{"--count", "2", "--out", out})
	want := []string{`{"i":0,"path":"` + out + `/pic-00000.jpg"}`, `{"i":1,"path":"` + out + `/pic-00001.jpg"}`}
	if err != nil || !slices.Equal(items, want) {
		t.Errorf("items %v, %v; want %v", items, err, want)
	}
	if info, err := os.Stat(out); err != nil || !info.IsDir() {
		t.Errorf("no folder: %v", err)
	}
	stop := errors.New("stop")
	if err := (&Picture{Count: 3, Out: out}).List(t.Context(), func(any) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("listing went on after an error: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := (&Picture{Count: 1, Out: file}).List(t.Context(), func(any) error { return nil }); err == nil || !strings.Contains(err.Error(), "--out") {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jpg")
	for _, text := range []string{"first", "second"} {
		if err := replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	// A folder in the picture's place: nothing is left beside it.
	if err := os.Mkdir(filepath.Join(dir, "b.jpg"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(dir, "b.jpg"), []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestOpenChecksItsArguments(t *testing.T) {
	for want, p := range map[string]Picture{
		"--count is -1":    {Count: -1, Size: 100, Quality: 90},
		"--size is 15":     {Size: 15, Quality: 90},
		"--size is 70000":  {Size: 70000, Quality: 90},
		"--quality is 101": {Size: 100, Quality: 101},
	} {
		if err := p.Open(t.Context(), sdk.Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if err := (&Picture{Count: 0, Size: 100, Quality: 90}).Open(t.Context(), sdk.Env{}); err != nil {
		t.Error(err)
	}
}

func decodeConfig(t *testing.T, path string) image.Config {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config, _, err := image.DecodeConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	return config
}
