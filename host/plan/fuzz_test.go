package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func FuzzFnmatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.jpg", "a.jpg"}, {"[!a-c]?*", "dé"}, {"[]-a]", "]"}, {"[z-a]", "z"}, {"[z-a!b]", "c"}, {"[a-c-e]", "-"}, {"[!]", "[!]"}, {"[!]a]x*y*", "bxyzy"},
		{"**a**b", "xaxb"}, {"[a", "[a"}, {"\xff?", "\xffé"}, {"[\\a-\\]", "\\"}, {"[--0]", "."}, {"[!z-a]", "q"}, {"[a-]", "-"}, {"[^a]", "^"}, {"", ""},
		{"a*b*c", "aXbYbc"}, {"[[]", "["}, {"[a-", "[a-"}, {"[--a]", "-"}, {"?", "\xff"}, {"[ä-ü]", "ö"}, {"[!z-a]", "b"}, {"x[^a]", "x^"}, {"\\*", "\\a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		// The matcher written down here takes exponential time.
		if len(text) > 24 || len(name) > 24 {
			return
		}
		got := parsePattern(text).matches([]byte(name))
		if want := pythonMatches([]rune(text), []rune(name)); utf8.ValidString(text) && utf8.ValidString(name) && got != want {
			t.Errorf("%q matches %q: %v, in Python %v", text, name, got, want)
		}
	})
}

// pythonMatches is fnmatch.fnmatchcase, as translate in CPython's Lib/fnmatch.py goes about it.
func pythonMatches(text, name []rune) bool {
	if len(text) == 0 {
		return len(name) == 0
	}
	switch text[0] {
	case '*':
		return pythonMatches(text[1:], name) || len(name) > 0 && pythonMatches(text, name[1:])
	case '?':
		return len(name) > 0 && pythonMatches(text[1:], name[1:])
	case '[':
		if end := pythonSetEnd(text); end > 0 {
			return len(name) > 0 && pythonSet(text[1:end], name[0]) && pythonMatches(text[end+1:], name[1:])
		}
	}
	return len(name) > 0 && name[0] == text[0] && pythonMatches(text[1:], name[1:])
}

// pythonSetEnd is where the set that text begins with ends; 0: it does not.
func pythonSetEnd(text []rune) int {
	j := 1
	if j < len(text) && text[j] == '!' {
		j++
	}
	if j < len(text) && text[j] == ']' {
		j++
	}
	if n := slices.Index(text[min(j, len(text)):], ']'); n >= 0 {
		return j + n
	}
	return 0
}

// pythonSet parts what stands in brackets at the hyphens that make ranges, removes ranges that run backwards, and only
// then looks for the exclamation mark.
func pythonSet(body []rune, r rune) bool {
	var chunks [][]rune
	i, k := 0, 1
	if body[0] == '!' {
		k = 2
	}
	for k <= len(body) {
		n := slices.Index(body[k:], '-')
		if n < 0 {
			break
		}
		chunks = append(chunks, slices.Clone(body[i:k+n]))
		i, k = k+n+1, k+n+3
	}
	if i < len(body) || len(chunks) == 0 {
		chunks = append(chunks, slices.Clone(body[i:]))
	} else {
		chunks[len(chunks)-1] = append(chunks[len(chunks)-1], '-')
	}
	for k := len(chunks) - 1; k > 0; k-- {
		before, here := chunks[k-1], chunks[k]
		if before[len(before)-1] > here[0] {
			chunks[k-1] = append(slices.Clone(before[:len(before)-1]), here[1:]...)
			chunks = slices.Delete(chunks, k, k+1)
		}
	}
	negated := false
	if len(chunks[0]) > 0 && chunks[0][0] == '!' {
		negated = true
		chunks[0] = chunks[0][1:]
	}
	has := false
	for k, c := range chunks {
		if slices.Contains(c, r) {
			has = true
		}
		if k > 0 && len(chunks[k-1]) > 0 && len(c) > 0 && chunks[k-1][len(chunks[k-1])-1] <= r && r <= c[0] {
			has = true
		}
	}
	return has != negated
}

func FuzzGlob(f *testing.F) {
	for _, seed := range []string{"*", "*/*.txt", "sub/[ab]*", "**", "./*", "sub//x?", "[", "*/", ".*", "sub/../*", "/*", "a\x00*", "link/*", "[!/]*"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	for _, name := range []string{"a.txt", ".hidden", "sub/x1", "sub/b.txt", "sub/deep/x2", "[odd", "\xff.txt"} {
		path := filepath.Join(dir, "in", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink(".", filepath.Join(dir, "in", "link")); err != nil {
		f.Fatal(err)
	}
	in := filepath.Join(dir, "in")
	f.Fuzz(func(t *testing.T, text string) {
		// Up and out of the folder there is the whole machine; links in a circle make many a path.
		if globGoesUp(text) || strings.HasPrefix(text, "/") || strings.Count(text, "/") > 4 {
			return
		}
		tree := root(map[string]*template.Node{template.RoleHardShard: folders(in, filepath.Join(dir, "out")), template.RoleInput: mode("InputByGlob", map[string]any{"glob_pattern": text})})
		compiled, problems := template.Compile(tree)
		if len(problems) > 0 {
			return
		}
		w := walkAll(t, compiled)
		if w.err != nil {
			t.Fatalf("%q: %v", text, w.err)
		}
		seen := map[string]bool{}
		for i, path := range w.paths(t) {
			if seen[w.lines[i]] {
				t.Errorf("%q: %s is listed twice", text, path)
			}
			seen[w.lines[i]] = true
			if _, err := os.Lstat(path); err != nil && !strings.ContainsRune(path, utf8.RuneError) {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
