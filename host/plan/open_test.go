package plan

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// changing is a journal whose word on one output changes.
type changing struct {
	rel string
	mu  sync.Mutex
	now template.OutputState
}

func (c *changing) Look([]byte) (bool, error) { return true, nil }

func (c *changing) Of(rel []byte) template.OutputState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if string(rel) != c.rel {
		return template.OutputWhole
	}
	return c.now
}

func (c *changing) set(s template.OutputState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = s
}

// What another run is working on is looked at again when all else is done.
func TestOpenItemsAreLookedAtAgain(t *testing.T) {
	for name, c := range map[string]struct {
		then    template.OutputState
		removed bool
		yields  int
		open    int64
		skipped int64
	}{
		"still open":     {then: template.OutputOpen, open: 1, skipped: 1},
		"done by others": {then: template.OutputWhole, skipped: 2},
		"unfinished":     {then: template.OutputUnfinished, yields: 1, skipped: 1},
		"removed":        {then: template.OutputOpen, removed: true, yields: 1, skipped: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			touch(t, "in/a.jpg", "in/b.jpg", "in/c.jpg", "in/d.jpg", "out/a.jpg.txt", "out/b.jpg.txt")
			journal := &changing{rel: "b.jpg.txt", now: template.OutputOpen}
			s, err := New(t.Context(), compile(t, files(nil)), Options{Journal: journal})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			taken := 0
			for taken < 2 {
				b, err := s.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(b.Payload), "b.jpg") {
					t.Fatalf("what is open was handed out: %s", b.Payload)
				}
				taken += b.Count
			}
			if n, known := s.Total(); known {
				t.Errorf("the listing is over with %d items, before what it handed out is done", n)
			}
			journal.set(c.then)
			if c.removed {
				if err := os.Remove("out/b.jpg.txt"); err != nil {
					t.Fatal(err)
				}
			}
			s.Concluded(1)
			s.Concluded(1)
			yields := 0
			for {
				b, err := s.Next(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				yields += b.Count
			}
			if yields != c.yields || s.StillOpen() != c.open || s.Skipped() != c.skipped {
				t.Errorf("it yields %d, %d are open, %d skipped", yields, s.StillOpen(), s.Skipped())
			}
		})
	}
}

func TestCloseWhileSomethingIsOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.jpg", "in/b.jpg", "out/a.jpg.txt")
	s, err := New(t.Context(), compile(t, files(nil)), Options{Journal: &changing{rel: "a.jpg.txt", now: template.OutputOpen}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
}
