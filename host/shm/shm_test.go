package shm

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsSparseAndShared(t *testing.T) {
	m, err := New(t.TempDir(), 1<<34)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f, err := os.OpenFile(m.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || uint64(info.Size()) != m.Size {
		t.Fatalf("size %v, %v", info, err)
	}
	if _, err := f.WriteAt([]byte("here"), 1<<33); err != nil {
		t.Fatal(err)
	}
	var got [4]byte
	if _, err := m.file.ReadAt(got[:], 1<<33); err != nil || string(got[:]) != "here" {
		t.Fatalf("read %q, %v", got, err)
	}
	if err := m.Discard(1<<33, 1<<20); err != nil {
		t.Fatal(err)
	}
}

func TestAvailable(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() uint64 { return available(filepath.Join(root, "proc"), filepath.Join(root, "sys")) }
	if got := ask(); got != 0 {
		t.Errorf("nothing is known, and %d bytes are available", got)
	}
	write("proc/meminfo", "MemTotal: 100 kB\nMemAvailable:   1000 kB\n")
	if got := ask(); got != 1000<<10 {
		t.Errorf("without a group: %d", got)
	}
	write("proc/self/cgroup", "0::/a/b\n")
	write("sys/a/b/memory.max", "max\n")
	write("sys/a/memory.max", "500000\n")
	write("sys/a/memory.current", "300000\n")
	write("sys/a/memory.stat", "anon 7\ninactive_file 100000\n")
	if got := ask(); got != 300000 {
		t.Errorf("the limit of the group above leaves 300000, not %d", got)
	}
	write("proc/self/cgroup", "7:cpu:/x\n5:memory:/c\n")
	write("sys/memory/c/memory.limit_in_bytes", "1000\n")
	write("sys/memory/c/memory.usage_in_bytes", "2000\n")
	if got := ask(); got != 0 {
		t.Errorf("a group over its limit leaves %d", got)
	}
}
