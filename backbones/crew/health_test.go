package crew

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestStartsComeEverMoreSeldom(t *testing.T) {
	h := health{fruitless: streak{backoff: backbones.Backoff{First: time.Second, Cap: 3 * time.Second, Random: func(n int64) int64 { return n - 1 }}}}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		h.fruitless.until = 0
		h.fruitless.add(0)
		if h.notBefore() != want {
			t.Errorf("after %d workers that came to nothing the next one waits %v, want %v", i+1, h.notBefore(), want)
		}
	}
	h.fruitless.end()
	if h.notBefore() != 0 || h.fruitless.length != 0 {
		t.Error("a worker that works changes nothing")
	}
}
