package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/outputs"
)

// sampled is how many entries of an input folder a node looks for. One is enough, because others may be removed meanwhile.
const sampled = 8

// lookAt samples the entries of an input folder.
func lookAt(path string) inputFolder {
	f := inputFolder{Path: path}
	dir, err := os.Open(path)
	if err != nil {
		return f
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(sampled)
	if err != nil && !errors.Is(err, io.EOF) {
		return f
	}
	for _, e := range entries {
		entry := inputEntry{Name: e.Name(), Folder: e.IsDir()}
		if info, err := os.Stat(filepath.Join(path, e.Name())); err == nil {
			if entry.Folder = info.IsDir(); !entry.Folder {
				entry.Size = info.Size()
			}
		}
		f.Entries = append(f.Entries, entry)
	}
	return f
}

// seen returns nil if this machine sees the same folder. Empty folders cannot be distinguished.
func (f inputFolder) seen() error {
	info, err := os.Stat(f.Path)
	switch {
	case err != nil:
		return fmt.Errorf("this machine does not see the run's input folder %s: %w", f.Path, err)
	case !info.IsDir():
		return fmt.Errorf("this machine does not see the run's input folder %s: it is a file here", f.Path)
	}
	for _, e := range f.Entries {
		info, err := os.Stat(filepath.Join(f.Path, e.Name))
		if err == nil && info.IsDir() == e.Folder && (e.Folder || info.Size() == e.Size) {
			return nil
		}
	}
	if len(f.Entries) > 0 {
		return fmt.Errorf("the run's input folder %s is another one on this machine: it has no %s of the same size, for one", f.Path, f.Entries[0].Name)
	}
	return nil
}

// A network file system may show a new file late.
const (
	markPatience = 3 * time.Second
	markEvery    = 100 * time.Millisecond
)

// check returns nil if this machine sees the run's folders.
func (f folders) check(ctx context.Context) error {
	hint := "mount the coordinator's folder there: nodes read inputs and write outputs themselves"
	for _, in := range f.Inputs {
		if err := in.seen(); err != nil {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%w; hint: %s", err, hint))
		}
	}
	if f.Mark == "" {
		return nil
	}
	for until := time.Now().Add(markPatience); !outputs.Sees(f.Mark, f.Owner); {
		if _, err := os.Stat(f.Output); err != nil {
			return exitcode.Usagef("this machine does not see the run's output folder %s: %w; hint: %s", f.Output, err, hint)
		}
		if time.Now().After(until) {
			return exitcode.Usagef("the run's output folder %s is another one on this machine: it does not have %s, which the coordinator on %s has made; hint: %s", f.Output, f.Mark, f.Owner.Host, hint)
		}
		select {
		case <-time.After(markEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
