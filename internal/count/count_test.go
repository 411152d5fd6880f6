package count_test

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{count.Of(0, "item"), "0 items"},
		{count.Of(1, "item"), "1 item"},
		{count.Of(uint64(2), "item"), "2 items"},
		{count.Of(1, "batch", "batches"), "1 batch"},
		{count.Of(int64(3), "item is left", "items are left"), "3 items are left"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
