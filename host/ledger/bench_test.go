package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// noopBlocks are items as the no-op benchmark has them, in blocks of 4096.
func noopBlocks(n int) []backbones.Block {
	var out []backbones.Block
	for first := 0; first < n; first += 4096 {
		var lines []string
		for i := first; i < min(n, first+4096); i++ {
			lines = append(lines, fmt.Sprintf(`{"i":%d,"path":"/data/in/%d/%d.jpg"}`, i, i%1000, i))
		}
		out = append(out, backbones.Block{Count: len(lines), First: uint64(first), Payload: []byte(strings.Join(lines, "\n"))})
	}
	return out
}

func drain(b *testing.B, s backbones.Source, each func(backbones.Block)) {
	b.Helper()
	for {
		block, err := s.Next(b.Context())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		each(block)
	}
}

// What the ledger costs an item: its key, and its outcome in chunks of 1024.
func BenchmarkItem(b *testing.B) {
	const n = 1 << 20
	list := noopBlocks(n)
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "run")
		l, err := Create(dir, Info{}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		src := blocks(list)
		drain(b, l.Source(&src, Chosen{}, About{}), func(block backbones.Block) {
			for at := 0; at < block.Count; at += 1024 {
				l.Record(backbones.Outcomes{Done: []backbones.Span{{First: block.First + uint64(at), Count: min(1024, block.Count-at)}}})
			}
		})
		if err := l.Close(End{}); err != nil {
			b.Fatal(err)
		}
		_ = os.RemoveAll(dir)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
}

func BenchmarkKey(b *testing.B) {
	line := []byte(`{"i":1234567,"path":"/data/in/567/1234567.jpg"}`)
	for b.Loop() {
		itemkey.Of(line)
	}
}

// Taking up a run of which all is done, with the listing as it was and with an item more in front.
func BenchmarkResume(b *testing.B) {
	const n = 1 << 20
	list := noopBlocks(n)
	dir := filepath.Join(b.TempDir(), "run")
	l, err := Create(dir, Info{}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	src := blocks(list)
	drain(b, l.Source(&src, Chosen{}, About{}), func(block backbones.Block) {
		l.Record(backbones.Outcomes{Done: []backbones.Span{{First: block.First, Count: block.Count}}})
	})
	if err := l.Close(End{}); err != nil {
		b.Fatal(err)
	}
	shifted := []backbones.Block{{Count: 1, Payload: []byte(`{"new":1}`)}}
	for _, block := range list {
		block.First++
		shifted = append(shifted, block)
	}
	for name, list := range map[string][]backbones.Block{"same": list, "changed": shifted} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				s, err := ReadState(dir, true)
				if err != nil {
					b.Fatal(err)
				}
				i++
				l, err := Create(filepath.Join(b.TempDir(), fmt.Sprint(i)), Info{}, Options{Earlier: s})
				if err != nil {
					b.Fatal(err)
				}
				src := blocks(list)
				left := 0
				drain(b, l.Source(&src, Chosen{Finished: s}, About{Warn: func(string) {}}), func(block backbones.Block) { left += block.Count })
				if want := list[0].Count & 1; left != want {
					b.Fatalf("%d items are left, want %d", left, want)
				}
				if err := l.Close(End{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
		})
	}
}
