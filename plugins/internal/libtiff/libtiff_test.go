package libtiff

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func library(t *testing.T) *Library {
	t.Helper()
	lib, err := Load()
	if err != nil {
		t.Skipf("no libtiff on this machine; fetch-libraries.sh gets it: %v", err)
	}
	return lib
}

// gray is a file of w by h bytes of one value, in strips of two rows; missing is how many bytes are not there.
func gray(w, h int, v byte, missing int) []byte {
	le := binary.LittleEndian
	var offsets, counts []byte
	strips := (h + 1) / 2
	const tags = 9
	behind := 8 + 2 + tags*12 + 4
	at := behind + 8*strips
	for i := range strips {
		n := min(2, h-2*i) * w
		offsets, counts = le.AppendUint32(offsets, uint32(at)), le.AppendUint32(counts, uint32(n))
		at += n
	}
	b := le.AppendUint16([]byte("II*\x00\x08\x00\x00\x00"), tags)
	for _, tag := range [tags][3]int{
		{256, 1, w}, {257, 1, h}, {258, 1, 8}, {259, 1, 1}, {262, 1, 1}, {273, strips, behind}, {277, 1, 1}, {278, 1, 2}, {279, strips, behind + 4*strips},
	} {
		b = le.AppendUint16(le.AppendUint16(b, uint16(tag[0])), 4)
		b = le.AppendUint32(le.AppendUint32(b, uint32(tag[1])), uint32(tag[2]))
	}
	b = append(append(append(b, 0, 0, 0, 0), offsets...), counts...)
	return append(b, bytes.Repeat([]byte{v}, w*h-missing)...)
}

func TestFileThatIsNoLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.so")
	t.Setenv(EnvPath, path)
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), EnvPath) {
		t.Errorf("error %v", err)
	}
	if lib, err := os.Readlink("/proc/self/exe"); err == nil {
		t.Setenv(EnvPath, lib)
		if _, err := Load(); err == nil {
			t.Error("a program was taken for libtiff")
		}
	}
}

// TestManyAtOnce has every goroutine read files of its own, with faults in some: what the library says of one must not reach another.
func TestManyAtOnce(t *testing.T) {
	lib := library(t)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 50 {
				v, missing := byte(g*20+i), i%2*3
				f, err := lib.Open(gray(30, 11, v, missing))
				if err != nil {
					t.Errorf("opening: %v", err)
					return
				}
				rows := make([]byte, 30*2)
				if err := f.Block(rows, 1, false); err != nil || !bytes.Equal(rows, bytes.Repeat([]byte{v}, len(rows))) {
					t.Errorf("strip 1 of %d: %v, %v", v, rows, err)
				}
				err = f.Block(rows[:30], 5, false)
				if (err != nil) != (missing > 0) {
					t.Errorf("the last strip, of which %d bytes are missing: %v", missing, err)
				}
				pix := make([]byte, 30*11*4)
				err = f.RGBA(pix, 30, 11, 1)
				if (err != nil) != (missing > 0) {
					t.Errorf("a picture of which %d bytes are missing: %v", missing, err)
				}
				if missing == 0 && !bytes.Equal(pix, bytes.Repeat([]byte{v, v, v, 255}, 30*11)) {
					t.Errorf("the picture of %d begins with %v", v, pix[:8])
				}
				f.Close()
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(open) != 0 {
		t.Errorf("%d files are still open", len(open))
	}
}

func TestFaults(t *testing.T) {
	lib := library(t)
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("not a TIFF file"), "header": []byte("II*\x00\xff\x00\x00\x00")} {
		if f, err := lib.Open(data); err == nil {
			f.Close()
			t.Errorf("%s: opened", name)
		}
	}
	f, err := lib.Open(gray(30, 11, 7, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, err := range map[string]error{
		"no bytes": f.Block(nil, 0, false), "strip of another picture": f.Block(make([]byte, 60), 99, false), "a tile": f.Block(make([]byte, 60), 0, true),
		"more than a strip": f.Block(make([]byte, 61), 0, false), "few pixels": f.RGBA(make([]byte, 12), 30, 11, 1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
