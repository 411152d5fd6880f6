// Command picture is a plugin of kagurazaka with the task Picture, which draws pictures as input for a demonstration or a
// benchmark.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/plugins/picture/internal/draw"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// Picture holds the task's arguments.
type Picture struct {
	Count   int    `default:"400" help:"How many pictures."`
	Size    int    `default:"1024" help:"Width in pixels; the height is three quarters of it."`
	Seed    uint64 `default:"1" help:"Another seed gives other pictures, the same one the same."`
	Quality int    `default:"90" help:"Quality of JPEG, 1 to 100."`
	Out     string `required:"" help:"The folder that the pictures are written to. It is made when it is missing."`
}

// job is one item.
type job struct {
	I    uint64 `json:"i"`
	Path string `json:"path"`
}

// Open checks the arguments.
func (p *Picture) Open(context.Context, sdk.Env) error {
	switch {
	case p.Count < 0:
		return fmt.Errorf("--count is %d; it must not be negative", p.Count)
	case p.Size < 16 || p.Size > 65535:
		return fmt.Errorf("--size is %d; it must be between 16 and 65535", p.Size)
	case p.Quality < 1 || p.Quality > 100:
		return fmt.Errorf("--quality is %d; it must be between 1 and 100", p.Quality)
	}
	return nil
}

// List makes the folder and yields one item a picture.
func (p *Picture) List(_ context.Context, yield func(item any) error) error {
	folder, err := filepath.Abs(p.Out)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("making the folder of --out: %w", err)
	}
	for i := range p.Count {
		if err := yield(job{uint64(i), filepath.Join(folder, fmt.Sprintf("pic-%05d.jpg", i))}); err != nil {
			return err
		}
	}
	return nil
}

// IsExecuted reports whether the picture exists.
func (p *Picture) IsExecuted(_ context.Context, item sdk.Item) (bool, error) {
	var j job
	if err := item.Decode(&j); err != nil {
		return false, err
	}
	_, err := os.Stat(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Process draws one picture.
func (p *Picture) Process(_ context.Context, item sdk.Item) error {
	var j job
	if err := item.Decode(&j); err != nil {
		return err
	}
	var file bytes.Buffer
	picture := draw.Picture(p.Seed, j.I, p.Size, max(1, p.Size*3/4))
	if err := jpeg.Encode(&file, picture, &jpeg.Options{Quality: p.Quality}); err != nil {
		return fmt.Errorf("encoding the picture: %w", err)
	}
	return replace(j.Path, file.Bytes())
}

// replace writes a temporary file and renames it, so that a picture is never half written. It removes the temporary file of
// a run that was killed, and does not follow it if it is a link.
func replace(path string, data []byte) error {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	err := os.Remove(temp)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = write(temp, data)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

func write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

var task = sdk.Task[Picture]{
	Summary: "Draws pictures, to have some",
	Description: "Draws fractals, clouds, waves and cells as JPEG files pic-00000.jpg and so on: all different, rich in detail, and the same for the same " +
		"--seed. Pictures that are there already are left alone, whatever their size.",
}

func main() { sdk.Serve(task) }
