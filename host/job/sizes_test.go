package job

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/progress"
)

func TestSizes(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	triplet := func(path string) string { return fmt.Sprintf(`{"path":%q,"rel_dir":".","name":"x"}`, path) }
	lines := []string{
		fmt.Sprintf(`{"input":%s,"output":%s}`, triplet(file("a", 10)), triplet(file("a.out", 3))),
		fmt.Sprintf(`{"input":%s,"output":%s}`, triplet(file("b", 20)), triplet(filepath.Join(dir, "never written"))),
		fmt.Sprintf(`{"input":%s,"output":%s}`, triplet(dir), triplet(file("c.out", 5))),
		fmt.Sprintf(`{"input":%s,"input_mask":%s,"output":%s}`, triplet(file("d", 30)), triplet(file("d.mask", 1)), triplet(file("d.out", 7))),
		`{"i":3}`,
	}
	s := newSizes(time.Now())
	defer func() {
		s.close()
		<-s.ended
	}()
	if s.total() != nil {
		t.Errorf("before anything: %+v", s.total())
	}
	s.inputs(backbones.Block{Count: len(lines), Payload: []byte(strings.Join(lines, "\n")), First: 40})
	// The third one is done, and the last one has not failed or succeeded.
	s.done([]backbones.Span{{First: 0, Count: 41}, {First: 41, Count: 2}})
	s.done([]backbones.Span{{First: 40, Count: 1}})
	s.complete(t.Context())
	if got, want := *s.total(), (progress.Bytes{In: 61, InItems: 3, Out: 8, OutItems: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.done([]backbones.Span{{First: 43, Count: 2}})
	s.complete(t.Context())
	if got, want := *s.total(), (progress.Bytes{In: 61, InItems: 3, Out: 15, OutItems: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(s.waiting) != 0 {
		t.Errorf("outputs of items that are done wait: %+v", s.waiting)
	}
}

// When the time is used up, nothing more is looked at.
func TestSizesHaveATimeLimit(t *testing.T) {
	s := newSizes(time.Now())
	s.close()
	<-s.ended
	s.spent = time.Hour
	s.inputs(backbones.Block{Count: 1, Payload: []byte(`{"input":{"path":"/etc/passwd","rel_dir":".","name":"x"}}`)})
	if s.total() != nil {
		t.Errorf("got %+v", s.total())
	}
}
