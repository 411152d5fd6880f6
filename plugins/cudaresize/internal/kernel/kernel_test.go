package kernel

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestPTXIsMadeOfTheSource(t *testing.T) {
	source, err := os.ReadFile("resize.cu")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("// resize.cu sha256:%x ", sha256.Sum256(source))
	if first, _, _ := strings.Cut(PTX, "\n"); !strings.HasPrefix(first, want) {
		t.Errorf("resize.ptx begins with %q, want %q: run make_ptx.py", first, want)
	}
	for _, name := range []string{Down, Across} {
		if !strings.Contains(PTX, ".visible .entry "+name+"(") {
			t.Errorf("resize.ptx has no kernel %s", name)
		}
	}
}
