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

// A sample of an archive is matched by its path below the input folder, by the archive's name, too.
func TestSieveOfSamples(t *testing.T) {
	for _, in := range []triplet{
		{Path: "tin/x.tar/a1.txt", RelDir: "x", FileName: "a1.txt"},
		{Path: "/data/./tin/sub/x.tar/in/a1.txt", RelDir: "sub/x/in", FileName: "a1.txt"},
	} {
		for pattern, matches := range map[string]bool{
			"*x.tar/*a1.txt": true, "x.tar/a1*": in.RelDir == "x", "x.tar/": in.RelDir == "x", "x/": in.RelDir == "x",
			"sub/x.tar/": in.RelDir != "x", "sub/x.tar/in/a1.txt": in.RelDir != "x", "sub/*/a1.txt": in.RelDir != "x", "y.tar/": false, "tar/": false,
		} {
			if got := NewSieve(Globs{Include: []string{pattern}}).keepsInput(in, ""); got != matches {
				t.Errorf("--include %s keeps %s: %t", pattern, in.Path, got)
			}
			if got := NewSieve(Globs{Exclude: []string{pattern}}).keepsInput(in, ""); got == matches {
				t.Errorf("--exclude %s keeps %s: %t", pattern, in.Path, got)
			}
			p := NewPicker(Selection{Picks: []Pick{{Pattern: pattern}}})
			if got := p.take(0, textsOf(in, "", nil)); got != matches {
				t.Errorf("--item %s takes %s: %t", pattern, in.Path, got)
			}
		}
	}
	for _, in := range []triplet{
		{Path: "photos/old/b.jpg", RelDir: "new", FileName: "b.jpg"},
		{Path: "x.tar/y.tar/b.jpg", RelDir: "x/y", FileName: "b.jpg"},
		{Path: "b.jpg", RelDir: "x", FileName: "b.jpg"},
		{Path: "in/b.jpg", RelDir: "../..", FileName: "b.jpg"},
		{Path: "in/./b.jpg", RelDir: ".", FileName: "b.jpg"},
	} {
		if got := inArchive(in); got != "" {
			t.Errorf("%s with the rel_dir %s lies in an archive: %s", in.Path, in.RelDir, got)
		}
	}
}
