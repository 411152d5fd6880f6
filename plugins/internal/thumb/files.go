package thumb

import (
	"bytes"
	"fmt"
	"os"
)

// readFile reads a whole file into b, and reuses b's memory.
func readFile(b *bytes.Buffer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the picture: %w", err)
	}
	defer func() { _ = f.Close() }()
	b.Reset()
	if info, err := f.Stat(); err == nil {
		if info.IsDir() {
			return fmt.Errorf("%s is a folder, not a picture", path)
		}
		b.Grow(int(info.Size()) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(f); err != nil {
		return fmt.Errorf("reading the picture: %w", err)
	}
	return nil
}

// WriteFile writes an output. After an error there may be a part of it, which the SDK discards.
func WriteFile(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o666); err != nil {
		return fmt.Errorf("writing the thumbnail: %w", err)
	}
	return nil
}
