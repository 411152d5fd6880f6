// Package pack puts samples into tar archives: the outputs of OutputByTar. Workers write the members of a sample to the spool, a folder
// below the output folder. From there each run packs its own samples, and those that dead runs have left. docs/design/outputs.md says why.
package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Archives are the archives of an output folder, and the keys that they have. It is safe for concurrent use.
type Archives struct {
	// root is the output folder as the paths of outputs begin with it, and folder the same for the system.
	root, folder string

	mu sync.RWMutex
	// known are the names of the archives that were read.
	known map[string]struct{}
	keys  set
	// begun: archives that are found from now on are those of other runs, whose names others has.
	begun  bool
	others map[string]bool
	// bare are the names of those that have no index.
	bare []string
}

// Read reads which samples are in the archives of an output folder. It changes nothing. The folder may be missing.
func Read(folder string) (*Archives, error) {
	a := &Archives{root: folder, folder: filepath.Join(folder, "."), known: map[string]struct{}{}, others: map[string]bool{}}
	err := a.refresh(nil)
	a.begun = true
	return a, err
}

// Has reports whether the sample of a key is in an archive.
func (a *Archives) Has(key []byte) bool { return a.has(hashOf(key)) }

func (a *Archives) has(h hash) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.keys.has(h)
}

// add adds an archive.
func (a *Archives) add(name string, keys []hash) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[name] = struct{}{}
	a.keys.grow(len(keys))
	for _, k := range keys {
		a.keys.add(k)
	}
}

// refresh reads the archives that are not known yet. index writes the index of one that has none; nil: it stays without.
func (a *Archives) refresh(index func(name string, data []byte) error) error {
	dir, err := os.Open(a.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for tar archives in the output folder: %w", err)
	}
	defer func() { _ = dir.Close() }()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if _, ok := a.known[name]; ok || !template.IsArchive(name) {
				continue
			}
			if err := a.read(name, index); err != nil {
				return err
			}
			if a.begun {
				a.mu.Lock()
				a.others[name] = true
				a.mu.Unlock()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for tar archives in the output folder: %w", err)
		}
	}
}

// complete writes the indexes that are missing.
func (a *Archives) complete(index func(name string, data []byte) error) error {
	bare := a.bare
	a.bare = nil
	for _, name := range bare {
		if err := a.read(name, index); err != nil {
			return err
		}
	}
	return a.refresh(index)
}

// read reads the keys of an archive, from its index if that fits.
func (a *Archives) read(name string, index func(name string, data []byte) error) error {
	path := filepath.Join(a.folder, name)
	wrong := func(err error) error { return fmt.Errorf("%s: %w", path, regular.Cause(err)) }
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return wrong(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s has the name of an archive, and is not a regular file (mode %s); hint: move it away", path, info.Mode())
	}
	data, err := loadIndex(path+template.IndexExt, info.Size())
	if err != nil {
		return err
	}
	if keys, ok := readIndex(data, info.Size()); ok {
		a.add(name, keys)
		return nil
	}
	file, info, err := regular.Open(path)
	if err != nil {
		return wrong(err)
	}
	defer func() { _ = file.Close() }()
	keys, err := scan(file, info.Size())
	if err != nil {
		return fmt.Errorf("%s has no index that fits it, and it is not an archive as OutputByTar writes them: %w; hint: move it away, and what was in it is done again", path, err)
	}
	if index == nil {
		a.bare = append(a.bare, name)
	} else if err := index(name, makeIndex(info.Size(), keys)); err != nil {
		return err
	}
	a.add(name, keys)
	return nil
}

// fromOthers reports whether an archive was added by another run since this one began.
func (a *Archives) fromOthers(archive string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return archive != "" && a.others[filepath.Base(archive)]
}

// where returns the path of the archive that has a key; empty: it is not found.
func (a *Archives) where(h hash) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for name := range a.known {
		path := filepath.Join(a.folder, name)
		if indexHas(path+template.IndexExt, h) {
			return path
		}
	}
	return ""
}
