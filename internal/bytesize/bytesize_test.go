package bytesize

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "123": 123, "10K": 10 << 10, "1.5m": 3 << 19, "2 GiB": 2 << 30, " 1tb ": 1 << 40, "7b": 7,
		"": -1, "-1": -1, "x": -1, "1P": -1, "NaN": -1, "1e30": -1, "K": -1,
	} {
		got, err := Parse(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
}
