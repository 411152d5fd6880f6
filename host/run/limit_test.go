package run

import "testing"

func TestLimit(t *testing.T) {
	tests := []struct {
		text            string
		failed, settled int64
		exceeded        bool
	}{
		{"", 1000, 1000, false},
		{"0", 0, 10, false},
		{"0", 1, 1, true},
		{"5", 5, 5, false},
		{"5", 6, 1000, true},
		{"5%", 6, 99, false},
		{"5%", 6, 120, false},
		{"5%", 7, 120, true},
		{"0.5%", 1, 200, false},
	}
	for _, tt := range tests {
		l, err := ParseLimit(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if err := l.check(tt.failed, tt.settled); (err != nil) != tt.exceeded {
			t.Errorf("--max-failures %s with %d of %d failed: %v", tt.text, tt.failed, tt.settled, err)
		}
	}
	for _, text := range []string{"-1", "x", "0%", "101%", "NaN%", "1.5"} {
		if _, err := ParseLimit(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
