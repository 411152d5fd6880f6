package lease

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// BenchmarkLease is what a lease of 500 items costs the coordinator: its cutting, claim, five reports of outcomes, and its end.
func BenchmarkLease(b *testing.B) {
	for _, grants := range []bool{false, true} {
		b.Run(fmt.Sprintf("grants=%v", grants), func(b *testing.B) { lendAll(b, 500, grants) })
	}
	b.Run("one item", func(b *testing.B) { lendAll(b, 1, false) })
}

func lendAll(b *testing.B, size int, grants bool) {
	const inBlock = 4000
	lines := make([]string, inBlock)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"input":{"path":"/data/in/%08d.jpg","rel_dir":"in","file_name":"%08d.jpg"}}`, i, i)
	}
	payload := []byte(strings.Join(lines, "\n"))
	book := NewBook(BookOptions{Generation: 1, LeaseTime: defaultLeaseTime})
	for i := range 100 {
		book.Joined(Node{Name: fmt.Sprintf("n%d", i), PID: i, Workers: 8})
	}
	// Measured times make leases of that size.
	aim := min(aimedTime*8, mostWork)
	book.size = sizer{perItem: aim/time.Duration(size) - 1, reached: size}
	first := uint64(0)
	b.ReportAllocs()
	began := used()
	for b.Loop() {
		var l Lease
		for {
			var ok bool
			if l, ok = book.Next(); ok {
				break
			}
			if err := book.Add(backbones.Block{Encoding: backbones.JSONLines, Count: inBlock, First: first, Payload: payload}); err != nil {
				b.Fatal(err)
			}
			first += inBlock
		}
		book.size = sizer{perItem: aim/time.Duration(size) - 1, reached: size}
		node := fmt.Sprintf("n%d", l.ID%100)
		held := Held{Generation: 1, ID: l.ID, Epoch: 1}
		book.Claim(Claim{Node: node, Held: held})
		for _, block := range l.Blocks {
			parts := min(5, block.Count)
			for i := range parts {
				from, to := block.Count*i/parts, block.Count*(i+1)/parts
				done := []backbones.Span{{First: block.First + uint64(from), Count: to - from}}
				if grants {
					book.Grant(Ask{Node: node, Held: held, Items: done})
				}
				book.Report(Report{Node: node, Leases: []Progress{{Held: held, Outcomes: backbones.Outcomes{Worker: "w0", Mean: aim / time.Duration(size), Done: done}}}})
			}
		}
		book.Take()
	}
	// Other processes make times of the wall mean little.
	b.ReportMetric(float64((used()-began).Nanoseconds())/float64(b.N), "cpu-ns/lease")
}

// used is the processor time of this process.
func used() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
