package dynlib

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ebitengine/purego"
)

func open(path string) (*Library, error) {
	if filepath.Base(path) != path {
		openNeighbours(path, map[string]bool{})
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	return &Library{Path: loadedPath(path), handle: handle}, nil
}

// openNeighbours loads the libraries that one needs, and that the system lacks, from the folder it lies in.
func openNeighbours(path string, seen map[string]bool) {
	seen[path] = true
	file, err := elf.Open(path)
	if err != nil {
		return // opening it tells why
	}
	needed, _ := file.ImportedLibraries()
	_ = file.Close()
	for _, name := range needed {
		neighbour := filepath.Join(filepath.Dir(path), filepath.Base(name))
		if _, err := os.Stat(neighbour); err != nil || seen[neighbour] {
			continue
		}
		if _, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			continue
		}
		openNeighbours(neighbour, seen)
		// The loader then takes what is there by its name.
		_, _ = purego.Dlopen(neighbour, purego.RTLD_NOW|purego.RTLD_LOCAL)
	}
}

// loadedPath finds out which file the loader took for a bare name.
func loadedPath(name string) string {
	if filepath.Base(name) != name {
		return name
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return name
	}
	for line := range bytes.Lines(maps) {
		if at := bytes.IndexByte(line, '/'); at >= 0 && bytes.Contains(line[at:], []byte("/"+name)) {
			return string(bytes.TrimSpace(line[at:]))
		}
	}
	return name
}

// Find returns the address of a function, 0 if the library has none of that name.
func (l *Library) Find(name string) uintptr {
	address, err := purego.Dlsym(l.handle, name)
	if err != nil {
		return 0
	}
	return address
}

// Functions are those that a program needs of a library. The first that is missing is remembered.
type Functions struct {
	library *Library
	version string
	err     error
}

// Need begins to look for functions that are there from a version on, "libtiff 4.0", which the error names.
func (l *Library) Need(version string) *Functions { return &Functions{library: l, version: version} }

// Find returns the address of a function, 0 if it is missing: Err then says so.
func (f *Functions) Find(name string) uintptr {
	address := f.library.Find(name)
	if address == 0 && f.err == nil {
		f.err = fmt.Errorf("%s has no function %s: %s or newer is needed", f.library.Path, name, f.version)
	}
	return address
}

// Err is about the first function that was not found.
func (f *Functions) Err() error { return f.err }

// Close unloads a library that turned out to be of no use.
func (l *Library) Close() { _ = purego.Dlclose(l.handle) }

// String copies a C string of at most a thousand bytes, "" for none.
func String(address uintptr) string {
	if address == 0 {
		return ""
	}
	// Going through a pointer to the variable keeps vet from taking C memory for a Go pointer gone astray.
	start := *(*unsafe.Pointer)(unsafe.Pointer(&address))
	var text []byte
	for i := range 1000 {
		c := *(*byte)(unsafe.Add(start, i))
		if c == 0 {
			break
		}
		text = append(text, c)
	}
	return string(text)
}
