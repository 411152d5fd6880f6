package thumb

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// readFile reads a whole file into b's memory where that is large enough.
func readFile(b []byte, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return b, fmt.Errorf("opening the picture: %w", err)
	}
	defer f.Close()
	b = b[:0]
	if info, err := f.Stat(); err == nil {
		if info.IsDir() {
			return b, fmt.Errorf("%s is a folder, not a picture", path)
		}
		// One byte more than the size, so that the read that finds the end needs no more memory.
		b = slices.Grow(b, int(info.Size())+1)
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, 64<<10)
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, fmt.Errorf("reading the picture: %w", err)
		}
	}
}

// writeFile writes a file in one go, and leaves none behind when that fails.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("creating the thumbnail: %w", err)
	}
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(path)
		return fmt.Errorf("writing the thumbnail: %w", err)
	}
	return nil
}
