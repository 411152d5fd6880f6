package suggest

import (
	"testing"

	"pgregory.net/rapid"
)

func TestClosest(t *testing.T) {
	options := []string{"input_path", "output_path", "size", "quality", "NoHardShard", "HardShardModeV1"}
	for _, c := range []struct{ word, want string }{
		{"inptu_path", "input_path"},
		{"input-path", "input_path"},
		{"INPUT_PATH", "input_path"},
		{"--input_pth", "input_path"},
		{"ouput_path", "output_path"},
		{"sise", "size"},
		{"qual", "quality"},
		{"nohardshard", "NoHardShard"},
		{"HardShardMode", "HardShardModeV1"},
		{"zzz", ""},
		{"", ""},
		{"--", ""},
		{"completely_else", ""},
	} {
		if got := Closest(c.word, options); got != c.want {
			t.Errorf("Closest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
	if got := Closest("size", nil); got != "" {
		t.Errorf("without options: %q", got)
	}
}

func TestFile(t *testing.T) {
	names := []string{"upper.py", "conf.yaml", "a.txt", "not", "list.txt.gz", "Makefile"}
	for name, want := range map[string]string{
		"uper.py": "upper.py", "upper": "upper.py", "uper": "upper.py", "Upper.py": "upper.py", "upper.pyc": "upper.py",
		"conf.yml": "conf.yaml", "confg.yml": "conf.yaml", "conf.json": "conf.yaml", "list.txt": "list.txt.gz", "makefile": "Makefile",
		"b.txt": "", "nothing.yaml": "", "lower.py": "", "x": "",
	} {
		if got := File(name, names); got != want {
			t.Errorf("File(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistanceIsAMetricOnSmallEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abcd", "acd", 1}, {"ä", "a", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if distance(a, b) != distance(b, a) {
			t.Fatalf("distance is not symmetric for %q and %q", a, b)
		}
		if (distance(a, b) == 0) != (string([]rune(a)) == string([]rune(b))) {
			t.Fatalf("distance 0 and equality disagree for %q and %q", a, b)
		}
	})
}
