package dynlib

import (
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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

// openNeighbours loads the libraries that a library needs, and that the system lacks, from its own folder.
func openNeighbours(path string, seen map[string]bool) {
	seen[path] = true
	file, err := elf.Open(path)
	if err != nil {
		return // opening it fails with the reason
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
		// The loader then finds it by its name.
		_, _ = purego.Dlopen(neighbour, purego.RTLD_NOW|purego.RTLD_LOCAL)
	}
}

// loadedPath returns the file that the loader found for a bare name.
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

// Find returns the address of a function, 0 if the library does not have it.
func (l *Library) Find(name string) uintptr {
	address, err := purego.Dlsym(l.handle, name)
	if err != nil {
		return 0
	}
	return address
}

// Bind finds the functions that a program needs of a library. If one is missing, it unloads the library, and the error names the
// version that has all of them: "libtiff 4.0".
func (l *Library) Bind(version string, functions map[string]*uintptr) error {
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if *functions[name] = l.Find(name); *functions[name] == 0 {
			_ = purego.Dlclose(l.handle)
			return fmt.Errorf("%s has no function %s: %s or newer is needed", l.Path, name, version)
		}
	}
	return nil
}

// String copies a C string, up to a thousand bytes, "" for a null pointer.
func String(address uintptr) string {
	if address == 0 {
		return ""
	}
	// A direct conversion looks to vet like a misuse of a Go pointer.
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
