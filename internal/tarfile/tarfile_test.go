package tarfile

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// list returns "NAME SIZE FIRST BYTES" of each member, and the error.
func list(data []byte) ([]string, error) {
	var got []string
	err := Scan(bytes.NewReader(data), int64(len(data)), func(m Member) error {
		content := data[m.Offset : m.Offset+min(m.Size, 8)]
		got = append(got, fmt.Sprintf("%s %d %d %s", m.Name, m.Kind, m.Size, content))
		return nil
	})
	return got, err
}

// reference lists as archive/tar does.
func reference(t *testing.T, data []byte) []string {
	t.Helper()
	var want []string
	r := tar.NewReader(bytes.NewReader(data))
	kinds := map[byte]Kind{tar.TypeReg: Regular, tar.TypeDir: Folder, tar.TypeSymlink: Link, tar.TypeLink: Link, tar.TypeFifo: Special}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return want
		}
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, min(h.Size, 8))
		if h.Typeflag == tar.TypeReg {
			if _, err := io.ReadFull(r, content); err != nil {
				t.Fatal(err)
			}
		} else {
			h.Size, content = 0, nil
		}
		want = append(want, fmt.Sprintf("%s %d %d %s", h.Name, kinds[h.Typeflag], h.Size, content))
	}
}

// folder makes a folder with names of every length and kind.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, size int) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte(name[len(name)-1:]), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.txt", 0)
	write("b.txt", 511)
	write("c.jpg", 512)
	write("d.jpg", 100_000)
	write("ümläut.json", 5)
	write("with space\nand newline.txt", 6)
	write(strings.Repeat("n", 99)+"x", 7)
	write(strings.Repeat("n", 100)+"y", 8)
	write(strings.Repeat("d", 150)+"/"+strings.Repeat("e", 90)+".txt", 9)
	write(strings.Repeat("f", 200)+"/"+strings.Repeat("g", 96)+".txt", 10)
	if err := os.Symlink("a.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "b.txt"), filepath.Join(dir, "hard.txt")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScanOfArchivesOfOtherPrograms(t *testing.T) {
	dir := folder(t)
	for _, format := range []string{"gnu", "oldgnu", "pax", "posix", "ustar", "v7"} {
		t.Run("gnu tar "+format, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "x.tar")
			command := exec.Command("tar", "--format="+format, "-cf", name, "-C", dir, ".")
			out, err := command.CombinedOutput()
			if strict := format == "v7" || format == "ustar"; err != nil && !strict {
				t.Fatalf("%v: %s", err, out)
			}
			compare(t, name)
		})
	}
	for _, format := range []string{"USTAR", "GNU", "PAX"} {
		t.Run("Python "+format, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "x.tar")
			program := `
import sys, tarfile, os
with tarfile.open(sys.argv[1], "w", format=tarfile.` + format + `_FORMAT) as tar:
    for root, _, names in os.walk(sys.argv[2]):
        for name in sorted(names):
            try:
                tar.add(os.path.join(root, name), os.path.relpath(os.path.join(root, name), sys.argv[2]))
            except ValueError:
                assert "USTAR" in "` + format + `"
`
			if out, err := exec.Command("python3", "-c", program, name, dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			compare(t, name)
		})
	}
}

func compare(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := list(data)
	if err != nil {
		t.Fatal(err)
	}
	want := reference(t, data)
	if len(got) < 8 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// entry is a member of an archive that a test writes.
type entry struct {
	name   string
	size   int
	header tar.Header
}

// archive writes an archive as Go does, without its end if cut.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := e.header
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Name, h.Size, h.Mode = e.name, int64(e.size), 0o600
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeLink && h.Typeflag != tar.TypeSymlink && h.Typeflag != tar.TypeFifo {
			if _, err := w.Write(bytes.Repeat([]byte("x"), e.size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func names(n ...string) []entry {
	var entries []entry
	for i, name := range n {
		entries = append(entries, entry{name: name, size: 100 * i})
	}
	return entries
}

// sum writes the checksum of the header at an offset again.
func sum(data []byte, at int) []byte {
	h := data[at : at+blockSize]
	copy(h[148:156], "        ")
	unsigned, _ := checksums(h)
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", unsigned))
	return data
}

func TestScanRefusesWhatIsNotWhole(t *testing.T) {
	whole := func() []byte { return archive(t, names("a.jpg", "b.jpg", "c.jpg")...) }
	long := strings.Repeat("l", 300) + ".jpg"
	pax := func(records map[string]string) []byte {
		return archive(t, entry{name: "a.jpg", size: 5, header: tar.Header{Format: tar.FormatPAX, PAXRecords: records}})
	}
	damaged := pax(map[string]string{"comment": "twelve bytes"})
	copy(damaged[blockSize:], "99")
	negative := whole()
	copy(negative[blockSize+124:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	huge := whole()
	copy(huge[blockSize+124:], "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00")
	enormous := whole()
	copy(enormous[blockSize+124:], "77777777777\x00")
	sparse := whole()
	sparse[blockSize+156] = 'S'
	unknown := whole()
	unknown[blockSize+156] = 'Q'
	longName := archive(t, entry{name: long, size: 5, header: tar.Header{Format: tar.FormatGNU}})
	copy(longName[124:], "77777777777\x00")
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "at 0: the archive is empty: it was cut short, or never written"},
		{"no tar", bytes.Repeat([]byte("no tar "), 100), "at 0: this is not the header of a tar"},
		{"short", []byte("short"), "at 0: the archive ends at 5, inside of a header: it was cut short"},
		{"gzip", append([]byte("\x1f\x8b\x08"), make([]byte, 1000)...), "at 0: the archive is compressed with gzip, so its members cannot be read in place: decompress it first"},
		{"no end", whole()[:5*blockSize], "at 2560: the archive ends here, without the zero blocks that end a tar: it was cut short"},
		{"in a member", whole()[:2*blockSize+40], "member b.jpg at 512: it has 100 bytes, but the archive ends after 40 of them: it was cut short"},
		{"in a header", whole()[:3*blockSize+40], "at 1536: the archive ends at 1576, inside of a header: it was cut short"},
		{"after a member's bytes", whole()[:2*blockSize+100], "at 1124: the archive ends here, without the zero blocks that end a tar: it was cut short"},
		{"checksum", func() []byte { d := whole(); d[3*blockSize] = 'z'; return d }(), "at 1536: the header's checksum is wrong: the archive is damaged"},
		{"joined", append(whole(), whole()...), "at 3584: there is more behind the end of the archive at 2560, which programs pass over: " +
			"archives that were joined by cat have to be joined by tar --concatenate"},
		{"negative size", sum(negative, blockSize), `at 512: the header has the size "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"`},
		{"size of 64 bits", sum(huge, blockSize), `at 512: the header has the size "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"`},
		{"size beyond the end", sum(enormous, blockSize), "member b.jpg at 512: it has 8589934591 bytes, but the archive ends after 2560 of them: it was cut short"},
		{"old sparse", sum(sparse, blockSize), "member b.jpg at 512: it is sparse: its bytes do not lie in one piece; write the archive without --sparse"},
		{"type", sum(unknown, blockSize), "member b.jpg at 512: it has the type 'Q', which is not known"},
		{"PAX damaged", damaged, "at 0: a PAX header is damaged: its records do not have the lengths that they say"},
		{"PAX path", bytes.Replace(archive(t, entry{name: "aXbü"}), []byte("path=aXb"), []byte("path=a\x00b"), 1), "at 0: a PAX header has the path \"a\\x00bü\", with a zero byte"},
		{"long name beyond limits", sum(longName, 0), "at 0: an extended header has 8589934591 bytes; the most are 1048576"},
		{"cut after a long name", archive(t, entry{name: long, header: tar.Header{Format: tar.FormatGNU}})[:2*blockSize],
			"at 0: the archive ends at 1024, inside of a header: it was cut short"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := list(c.data)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestScanOfSparseArchives(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "s.bin"), 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1", "--format=pax --sparse-version=1.0"} {
		name := filepath.Join(dir, "x.tar")
		arguments := append(strings.Fields(format), "--sparse", "-cf", name, "-C", dir, "s.bin")
		if out, err := exec.Command("tar", arguments...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = list(data); err == nil || !strings.Contains(err.Error(), "it is sparse") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestScanTakesWhatIsWhole(t *testing.T) {
	long := strings.Repeat("l", 300) + ".jpg"
	whole := archive(t, names("a.jpg", "b.jpg")...)
	binarySize := archive(t, names("a.jpg", "b.jpg")...)
	copy(binarySize[blockSize+124:], "\x80\x00\x00\x00")
	binary.BigEndian.PutUint64(binarySize[blockSize+128:], 100)
	global := archive(t, entry{header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "one"}}}, entry{name: "a.jpg", size: 5})
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"one zero block", whole[:4*blockSize], "a.jpg 0 0 ,b.jpg 0 100 xxxxxxxx"},
		{"part of a zero block more", whole[:4*blockSize+7], "a.jpg 0 0 ,b.jpg 0 100 xxxxxxxx"},
		{"padding", append(archive(t, names("a.jpg")...), make([]byte, 100_000)...), "a.jpg 0 0 "},
		{"binary size", sum(binarySize, blockSize), "a.jpg 0 0 ,b.jpg 0 100 xxxxxxxx"},
		{"PAX name", archive(t, entry{name: long, size: 5, header: tar.Header{Format: tar.FormatPAX}}), long + " 0 5 xxxxx"},
		{"GNU name", archive(t, entry{name: long, size: 5, header: tar.Header{Format: tar.FormatGNU}}), long + " 0 5 xxxxx"},
		{"global", global, "a.jpg 0 5 xxxxx"},
		{"folder with a size", archive(t, entry{name: "d/", header: tar.Header{Typeflag: tar.TypeDir}}), "d/ 1 0 "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := list(c.data)
			if err != nil || strings.Join(got, ",") != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// A reader that is asked for headers alone shows that small members are read together, and large ones passed over.
func TestScanReadsHeadersAlone(t *testing.T) {
	var entries []entry
	for i := range 20 {
		entries = append(entries, entry{name: fmt.Sprintf("%d.jpg", i), size: 1 << 20})
	}
	r := &countingReader{ReaderAt: bytes.NewReader(archive(t, entries...))}
	if err := Scan(r, r.ReaderAt.(*bytes.Reader).Size(), func(Member) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if r.bytes > 22*leastWindow {
		t.Errorf("it read %d bytes of 20 MiB", r.bytes)
	}
}

type countingReader struct {
	io.ReaderAt
	bytes int
}

func (r *countingReader) ReadAt(b []byte, at int64) (int, error) {
	r.bytes += len(b)
	return r.ReaderAt.ReadAt(b, at)
}

func FuzzScan(f *testing.F) {
	f.Add(archive(f, names("a.jpg", "a.txt", "b.jpg")...))
	f.Add(archive(f, entry{name: strings.Repeat("l", 300) + ".jpg", size: 5, header: tar.Header{Format: tar.FormatGNU}}))
	f.Add(archive(f, entry{name: "a.jpg", size: 5, header: tar.Header{Format: tar.FormatPAX, PAXRecords: map[string]string{"path": "b.jpg"}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		end := int64(0)
		err := Scan(bytes.NewReader(data), int64(len(data)), func(m Member) error {
			if m.Header < end || m.Offset < m.Header+blockSize || m.Size < 0 || m.Offset+m.Size > int64(len(data)) || len(m.Name) == 0 {
				t.Fatalf("%+v overlaps the member that ends at %d", m, end)
			}
			end = m.Offset + m.Size
			return nil
		})
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Fatalf("not an error about the archive: %v", err)
		}
		_, _ = Samples(bytes.NewReader(data), int64(len(data)), []Field{{"image", []string{"jpg"}}, {"text", []string{"txt", ""}}}, func(s Sample) {
			if strings.HasPrefix(s.Folder, "/") || s.Folder == ".." || strings.HasPrefix(s.Folder, "../") || s.Key == "" {
				t.Fatalf("%+v leads out of the archive", s)
			}
		})
	})
}

func BenchmarkScan(b *testing.B) {
	var entries []entry
	for i := range 20_000 {
		entries = append(entries, entry{name: fmt.Sprintf("%05d.jpg", i), size: 2000}, entry{name: fmt.Sprintf("%05d.txt", i), size: 20})
	}
	data := archive(b, entries...)
	for b.Loop() {
		if err := Scan(bytes.NewReader(data), int64(len(data)), func(Member) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/member")
}

// The sums are those of a simple loop, whatever the bytes are.
func TestChecksums(t *testing.T) {
	for _, fill := range []byte{0, 1, 127, 128, 255} {
		b := bytes.Repeat([]byte{fill}, blockSize)
		b[3], b[200] = 200, 7
		var unsigned, signed int64
		for i, c := range b {
			if i >= 148 && i < 156 {
				c = ' '
			}
			unsigned += int64(c)
			signed += int64(int8(c))
		}
		if u, s := checksums(b); u != unsigned || s != signed {
			t.Errorf("of %d: %d and %d, want %d and %d", fill, u, s, unsigned, signed)
		}
	}
}
