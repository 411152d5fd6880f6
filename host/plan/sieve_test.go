package plan

import "testing"

func TestSieve(t *testing.T) {
	in := triplet{Path: "texts/2024/may/a.txt", RelDir: "2024/may", FileName: "a.txt"}
	root := triplet{Path: "texts/./b.txt", RelDir: ".", FileName: "b.txt"}
	for _, c := range []struct {
		include, exclude []string
		in, root         bool
	}{
		{nil, nil, true, true},
		{[]string{"*.txt"}, nil, true, true},
		{[]string{"a.txt"}, nil, true, false},
		{[]string{"2024/*"}, nil, true, false},
		{[]string{"2024/"}, nil, true, false},
		{[]string{"2024/**/a.txt", "**/b.txt"}, nil, true, true},
		{[]string{"2024/may/**/a.txt"}, nil, true, false},
		{[]string{"./texts/b.txt"}, nil, false, true},
		{[]string{"texts/*"}, []string{"[!a].txt"}, true, false},
		{nil, []string{"*/may/*"}, false, true},
		{[]string{"a"}, nil, false, false},
	} {
		s := NewSieve(Globs{Include: c.include, Exclude: c.exclude})
		if s == nil {
			continue
		}
		if got := s.keepsInput(in, ""); got != c.in {
			t.Errorf("%q without %q keeps %s: %t", c.include, c.exclude, in.Path, got)
		}
		if got := s.keepsInput(root, ""); got != c.root {
			t.Errorf("%q without %q keeps %s: %t", c.include, c.exclude, root.Path, got)
		}
	}
}
