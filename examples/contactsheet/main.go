// Contactsheet shows the pictures of a folder as one PNG: a plain program, for looking at what a run has made.
//
//	contactsheet --out sheet.png thumbnails
package main

import (
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "image/gif"
	_ "image/jpeg"

	"golang.org/x/image/draw"
)

func main() {
	out := flag.String("out", "contact-sheet.png", "the PNG `file` to write")
	columns := flag.Int("columns", 20, "pictures in a row")
	side := flag.Int("side", 96, "longest side of a picture in pixels")
	most := flag.Int("most", 400, "pictures at most, spread evenly over the folder")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "contactsheet [flags] FOLDER\nWrites one PNG of the pictures below a folder.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *columns < 1 || *side < 1 || *most < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out, *columns, *side, *most); err != nil {
		fmt.Fprintln(os.Stderr, "contactsheet:", err)
		os.Exit(1)
	}
}

func run(folder, out string, columns, side, most int) error {
	paths, err := pictures(folder)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no JPEG, PNG or GIF pictures below %s", folder)
	}
	m, err := sheet(spread(paths, most), columns, side)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	return errors.Join(encoder.Encode(f, m), f.Close())
}

// pictures lists the picture files below a folder, in the order of their names.
func pictures(folder string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".jpg", ".jpeg", ".png", ".gif":
			if entry.Type().IsRegular() {
				paths = append(paths, path)
			}
		}
		return nil
	})
	return paths, err
}

// spread takes n of the paths, as far from each other as possible.
func spread(paths []string, n int) []string {
	if len(paths) <= n {
		return paths
	}
	taken := make([]string, n)
	for i := range taken {
		taken[i] = paths[i*len(paths)/n]
	}
	return taken
}

// sheet draws the pictures into the cells of a grid.
func sheet(paths []string, columns, side int) (image.Image, error) {
	const gap = 4
	columns = min(columns, len(paths))
	rows := (len(paths) + columns - 1) / columns
	cell := side + gap
	m := image.NewRGBA(image.Rect(0, 0, columns*cell+gap, rows*cell+gap))
	draw.Draw(m, m.Rect, image.NewUniform(color.Gray{32}), image.Point{}, draw.Src)
	for i, path := range paths {
		picture, err := load(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		size := picture.Bounds().Size()
		w, h := side, max(1, side*size.Y/size.X)
		if size.Y > size.X {
			w, h = max(1, side*size.X/size.Y), side
		}
		x, y := gap+i%columns*cell+(side-w)/2, gap+i/columns*cell+(side-h)/2
		draw.ApproxBiLinear.Scale(m, image.Rect(x, y, x+w, y+h), picture, picture.Bounds(), draw.Over, nil)
	}
	return m, nil
}

func load(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	return picture, err
}
