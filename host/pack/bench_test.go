package pack

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// BenchmarkPack packs small samples: the time is that of one.
func BenchmarkPack(b *testing.B) {
	out := b.TempDir()
	mode := &template.Output{Kind: template.InTar, Count: 10000, Files: []template.OutputFile{{ID: "text", Name: "txt"}}}
	archives, err := Read(out)
	if err != nil {
		b.Fatal(err)
	}
	p := NewPacker(b.Context(), archives, mode)
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	paths := make([]string, b.N)
	folder := filepath.Join(out, template.SpoolPath)
	content := make([]byte, 1000)
	for i := range paths {
		paths[i] = filepath.Join(folder, fmt.Sprintf("d%03d", i/1000), fmt.Sprintf("f%07d.jpg~0.txt", i))
		_ = os.MkdirAll(filepath.Dir(paths[i]), 0o755)
		if err := os.WriteFile(paths[i], content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for _, path := range paths {
		if err := p.Add(path); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := p.Finish(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}
