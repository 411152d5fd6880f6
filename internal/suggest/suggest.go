// Package suggest finds the known word that an unknown one was probably meant to be.
package suggest

import (
	"path/filepath"
	"strings"
)

// Closest returns the option that word most likely stands for, or "" if none is near. Case, hyphens and underscores make no
// difference. Of equally near options the first wins.
func Closest(word string, options []string) string {
	w := fold(word)
	if w == "" {
		return ""
	}
	best, bestDistance := "", 0
	for _, o := range options {
		f := fold(o)
		d := distance(w, f)
		if d > allowed(w, f) && !abbreviates(w, f) {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = o, d
		}
	}
	return best
}

// Similar returns the option that word is a typo of, or "" if none is. Case, hyphens and underscores make no difference.
func Similar(word string, options []string) string {
	w := fold(word)
	best, bestDistance := "", 0
	for _, o := range options {
		d := distance(w, fold(o))
		if d > 0 && d <= allowed(w, fold(o)) && (best == "" || d < bestDistance) {
			best, bestDistance = o, d
		}
	}
	return best
}

// File returns the file name that a name most likely stands for, or "" if none is near. Names of one extension are compared without it,
// and an extension may be wrong or missing.
func File(name string, names []string) string {
	stem, ext := split(name)
	best, bestDistance := "", 0
	for _, n := range names {
		s, e := split(n)
		d, most := distance(fold(name), fold(n)), allowed(fold(name), fold(n))
		switch {
		case strings.EqualFold(ext, e):
			d, most = distance(fold(stem), fold(s)), allowed(fold(stem), fold(s))
		case ext == "" && distance(fold(stem), fold(s)) <= allowed(fold(stem), fold(s)):
			d, most = 1+distance(fold(stem), fold(s)), len(name)+1
		case fold(stem) == fold(s), strings.HasPrefix(n, name+"."):
			d, most = 1, 1
		}
		if d <= most && (best == "" || d < bestDistance) {
			best, bestDistance = n, d
		}
	}
	return best
}

// split divides a file name in front of its extension.
func split(name string) (stem, ext string) {
	ext = filepath.Ext(name)
	return strings.TrimSuffix(name, ext), ext
}

// OneTypo returns the option from which word is one edit away, or "". Case, hyphens and underscores make no difference. The option
// itself is not a typo.
func OneTypo(word string, options []string) string {
	w := fold(word)
	for _, o := range options {
		if w != "" && strings.TrimLeft(o, "-") != strings.TrimLeft(word, "-") && distance(w, fold(o)) <= 1 {
			return o
		}
	}
	return ""
}

// allowed is the number of edits that two similar words may be apart: a third of the shorter word, at least one from two letters on.
func allowed(a, b string) int {
	n := min(len(a), len(b))
	return max(min(1, n-1), n/3)
}

// abbreviates reports whether word is a beginning, an end or an inner part of option that is long enough to name it.
func abbreviates(word, option string) bool {
	return len(word) >= 3 && (strings.Contains(option, word) || len(option) >= 3 && strings.Contains(word, option))
}

func fold(s string) string {
	s = strings.TrimLeft(s, "-")
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before := make([]int, len(y)+1)
	last := make([]int, len(y)+1)
	row := make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
