package plan

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
	"sync/atomic"
)

// Globs say by patterns which items a listing has at all. The zero value keeps all.
type Globs struct {
	// Include keeps the items that one of the patterns matches; none: all. Exclude then leaves out those that one of its patterns matches.
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// Empty reports whether all items are kept.
func (g Globs) Empty() bool { return len(g.Include)+len(g.Exclude) == 0 }

// CheckGlob returns what is wrong with a pattern.
func CheckGlob(text string) error {
	if digits, numbered := strings.CutPrefix(text, "#"); numbered && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return errors.New("must be a pattern for paths and names; hint: --item takes numbers, and [#]" + digits + " is the name")
	}
	return nil
}

// Sieve keeps the items of a listing that Globs say. What it leaves out is not listed: it has no number, and no shard. Any goroutine may
// call its methods.
type Sieve struct {
	include, exclude []glob
	dropped          atomic.Uint64
}

// NewSieve returns nil for Globs that keep all.
func NewSieve(g Globs) *Sieve {
	if g.Empty() {
		return nil
	}
	return &Sieve{include: parseGlobs(g.Include), exclude: parseGlobs(g.Exclude)}
}

// again is the sieve for another look at the same listing, with counts of its own.
func (s *Sieve) again() *Sieve {
	if s == nil {
		return nil
	}
	return &Sieve{include: s.include, exclude: s.exclude}
}

// Dropped is how many items were left out so far.
func (s *Sieve) Dropped() uint64 {
	if s == nil {
		return 0
	}
	return s.dropped.Load()
}

// keeps reports whether an item with some texts is kept, and counts those that are not.
func (s *Sieve) keeps(forms ...[]byte) bool {
	kept := (len(s.include) == 0 || anyMatches(s.include, forms)) && !anyMatches(s.exclude, forms)
	if !kept {
		s.dropped.Add(1)
	}
	return kept
}

func anyMatches(globs []glob, forms [][]byte) bool {
	for i := range globs {
		if globs[i].matches(forms) {
			return true
		}
	}
	return false
}

// keepsInput is keeps for an item with an input, or with its text alone.
func (s *Sieve) keepsInput(in triplet, text string) bool {
	if in == (triplet{}) {
		return s.keeps([]byte(text))
	}
	return s.keeps([]byte(in.FileName), []byte(path.Join(in.RelDir, in.FileName)), []byte(path.Clean(in.Path)), []byte(inArchive(in)))
}

// inArchive is the path of a sample of an archive below the input folder, with the archive's name; rel_dir has that without its extension.
// Empty: the input lies in no archive.
func inArchive(in triplet) string {
	whole := path.Clean(in.Path)
	above, ok := strings.CutSuffix(whole, "/"+in.FileName)
	if !ok || in.RelDir == "" || in.RelDir == "." {
		return ""
	}
	found := false
	for rel := in.RelDir; rel != ""; {
		var want, name string
		rel, want = cutLast(rel)
		if above, name = cutLast(above); name == want {
			continue
		}
		if found || stem(name) != want {
			return ""
		}
		found = true
	}
	if !found {
		return ""
	}
	return strings.TrimPrefix(whole[len(above):], "/")
}

// cutLast cuts the last name from a path.
func cutLast(file string) (folder, name string) {
	at := strings.LastIndexByte(file, '/')
	return file[:max(at, 0)], file[at+1:]
}

// keepsShown is keepsInput for an item of which only the printable form is known.
func (s *Sieve) keepsShown(shown []byte) bool {
	item, err := scanItem(shown)
	if err != nil || !item.isTriplet {
		return s.keeps(shown)
	}
	return s.keepsInput(item.input, "")
}

// glob is a pattern for an item. ** matches as * does, and **/ no folder as well.
type glob struct {
	// all are the readings of the pattern. nameOnly: what it matches, it matches by the end of the name.
	all      []reading
	nameOnly bool
}

type reading struct {
	text    string
	pattern *pattern
}

// maxDeep is the most **/ of one pattern of which each may be no folder.
const maxDeep = 6

func parseGlob(text string) glob {
	if strings.HasSuffix(text, "/") {
		// All that is below the folder.
		text += "*"
	}
	for strings.HasPrefix(text, "./") {
		text = strings.TrimLeft(text[2:], "/")
	}
	var g glob
	for _, one := range withoutDeep(text, maxDeep) {
		g.all = append(g.all, reading{one, parsePattern(one)})
	}
	first := g.all[0].pattern
	g.nameOnly = len(g.all) == 1 && first.isSuffix && !strings.Contains(first.suffix, "/")
	return g
}

func parseGlobs(texts []string) (globs []glob) {
	for _, text := range texts {
		globs = append(globs, parseGlob(text))
	}
	return globs
}

// withoutDeep are a pattern and what is left of it when each **/ that is a step of its own stands for no folder.
func withoutDeep(text string, most int) []string {
	at := 0
	if !strings.HasPrefix(text, "**/") {
		if at = strings.Index(text, "/**/") + 1; at == 0 {
			return []string{text}
		}
	}
	if most == 0 {
		return []string{text}
	}
	var all []string
	for _, rest := range withoutDeep(text[at+len("**/"):], most-1) {
		all = append(all, text[:at]+"**/"+rest, text[:at]+rest)
	}
	return all
}

// matches reports whether the pattern matches one of the forms of an item, of which the name is the first.
func (g *glob) matches(forms [][]byte) bool {
	if g.nameOnly {
		forms = forms[:1]
	}
	for _, form := range forms {
		if len(form) > 0 && g.one(form) {
			return true
		}
	}
	return false
}

// one reports whether the pattern matches one text.
func (g *glob) one(text []byte) bool {
	for i := range g.all {
		if r := &g.all[i]; string(text) == r.text || r.pattern.matches(text) {
			return true
		}
	}
	return false
}

// sift drops the names of a group that are left out.
func (w *walk) sift(g *group) {
	list := g.names
	rel := folderOf(w.sifted.rel[:0], g.relDir)
	dir := folderOf(w.sifted.dir[:0], g.dir)
	relEnd, dirEnd := len(rel), len(dir)
	list.all = slices.DeleteFunc(list.all, func(n name) bool {
		text := list.bytes(n)
		rel, dir = append(rel[:relEnd], text...), append(dir[:dirEnd], text...)
		if g.path != "" {
			dir = append(dir[:0], path.Clean(g.path)...)
			rel = append(rel[:0], path.Join(g.relDir, string(text))...)
		}
		return !w.o.Sieve.keeps(text, rel, dir)
	})
	w.sifted.rel, w.sifted.dir = rel, dir
}

// folderOf appends the beginning of the paths in a folder, in their shortest form.
func folderOf(dst []byte, folder string) []byte {
	clean := path.Clean(folder)
	if clean == "." {
		return dst
	}
	dst = append(dst, clean...)
	if !bytes.HasSuffix(dst, []byte("/")) {
		dst = append(dst, '/')
	}
	return dst
}
