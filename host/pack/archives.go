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
}

// Read reads which samples are in the archives of an output folder. It changes nothing. The folder may be missing.
func Read(folder string) (*Archives, error) {
	a := &Archives{root: folder, folder: filepath.Join(folder, "."), known: map[string]struct{}{}}
	_, err := a.refresh(nil)
	return a, err
}

// Has reports whether the sample of a key is in an archive.
func (a *Archives) Has(key []byte) bool {
	h := hashOf(key)
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.keys.has(h)
}

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

// refresh reads the archives that are not known yet. index writes the index of one that has none; nil: it stays without. It returns
// the names of those that have none.
func (a *Archives) refresh(index func(name string, data []byte) error) (bare []string, err error) {
	dir, err := os.Open(a.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for tar archives in the output folder: %w", err)
	}
	defer func() { _ = dir.Close() }()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if !template.IsArchive(name) {
				continue
			}
			if _, ok := a.known[name]; ok {
				continue
			}
			found, err := a.read(name, index)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(a.folder, name), err)
			}
			if !found {
				bare = append(bare, name)
			}
		}
		if errors.Is(err, io.EOF) {
			return bare, nil
		}
		if err != nil {
			return nil, fmt.Errorf("looking for tar archives in the output folder: %w", err)
		}
	}
}

// read reads the keys of an archive. It reports whether the archive has an index.
func (a *Archives) read(name string, index func(name string, data []byte) error) (indexed bool, err error) {
	path := filepath.Join(a.folder, name)
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	data, err := os.ReadFile(path + template.IndexExt)
	if err == nil {
		if keys, ok := readIndex(data, info.Size()); ok {
			hashes := make([]hash, 0, len(keys)/16)
			eachHash(keys, func(h hash) { hashes = append(hashes, h) })
			a.add(name, hashes)
			return true, nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	keys, size, err := scan(file)
	if err != nil {
		return false, fmt.Errorf("the archive has no index, and it is not one that OutputByTar has written: %w; hint: move it away, "+
			"and what was in it is done again", err)
	}
	if index != nil {
		if err := index(name, appendIndex(nil, size, keys)); err != nil {
			return false, err
		}
	}
	a.add(name, keys)
	return index != nil, nil
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

func baseOf(path string) string { return filepath.Base(path) }
