package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// ID is how a plugin is looked up in a lock.
type ID struct {
	// Name is set for an installed plugin that was named by a bare name.
	Name string
	// Path is the absolute path of the file or folder that was named.
	Path string
}

// key is how the plugin is written in a lock that lies in a folder.
func (id ID) key(dir string) string {
	if id.Name != "" {
		return id.Name
	}
	rel, err := filepath.Rel(dir, id.Path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return id.Path
	}
	return "./" + rel
}

// Find returns the first entry of a plugin; nil: it is not in the lock.
func (l *Lock) Find(id ID) *Entry {
	for i := range l.Entries {
		if l.Entries[i].is(id, filepath.Dir(l.Path)) {
			return &l.Entries[i]
		}
	}
	return nil
}

// is reports whether the entry of a lock in dir is about the plugin.
func (e *Entry) is(id ID, dir string) bool {
	switch {
	case !strings.ContainsRune(e.Key, filepath.Separator):
		return e.Key == id.Name
	case filepath.IsAbs(e.Key):
		return same(e.Key, id.Path)
	default:
		return same(filepath.Join(dir, e.Key), id.Path)
	}
}

// same reports whether two paths are the same place, whatever links lead there.
func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	realA, errA := filepath.EvalSymlinks(a)
	realB, errB := filepath.EvalSymlinks(b)
	return errA == nil && errB == nil && realA == realB
}

// Locate returns the locks that count for a run that is started in dir: the first plugins.lock from there upwards, as far as only
// the user and root may write to the folders, and the user's own. near may not be there yet: then it is where one would be made. user is empty where there is no
// configuration folder.
func Locate(dir string) (near, user string) {
	near = filepath.Join(dir, lockName)
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, lockName)
		// Where it cannot be told whether there is one, reading it says why.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			near = path
			break
		}
		// A lock in or above a folder that others may write to could be anybody's.
		above := filepath.Dir(at)
		if at == above || openToOthers(at) || openToOthers(above) {
			break
		}
	}
	if config, err := os.UserConfigDir(); err == nil {
		user = filepath.Join(config, "kagurazaka", lockName)
	}
	return near, user
}

// Policy is what the user asks of a plugin's hash.
type Policy struct {
	// Locks are those that count. All that have the plugin must agree with it.
	Locks []*Lock
	// Locked refuses a plugin that no lock has of which there is no doubt.
	Locked bool
	// Sum is the hash that the command line asks for; empty: none.
	Sum string
}

// ParseSums reads the hashes that a command line asks for: all of them must be the same one. An empty text is not a hash, as it
// comes of a variable that is not set.
func ParseSums(texts []string) (sum string, err error) {
	for _, text := range texts {
		one, err := ParseSum(text)
		switch {
		case err != nil:
			return "", err
		case sum != "" && one != sum:
			return "", fmt.Errorf("it is given twice, as %s and as %s", sum, one)
		}
		sum = one
	}
	return sum, nil
}

// Pinned reports whether the policy says anything about the plugin, so that it has to be hashed.
func (p Policy) Pinned(id ID) bool {
	return p.Sum != "" || slices.ContainsFunc(p.Locks, func(l *Lock) bool { return l.Find(id) != nil })
}

// Unlisted is what is wrong with a plugin that has to be in a lock and is in none; nil: nothing.
func (p Policy) Unlisted(id ID, arg string) []problem.Problem {
	if !p.Locked || slices.ContainsFunc(p.Locks, func(l *Lock) bool { return l.Doubt == "" && l.Find(id) != nil }) {
		return nil
	}
	var paths []string
	hint := "if you trust it as it is: kagurazaka trust " + arg
	for _, l := range p.Locks {
		if l.Doubt != "" && l.Find(id) != nil {
			return []problem.Problem{{
				Source: "--locked", Path: arg, Message: fmt.Sprintf("%s has it, and does not count: %s", l.Path, l.Doubt), Suggestion: hint + " --user",
			}}
		}
		paths = append(paths, l.Path)
	}
	return []problem.Problem{{
		Source: "--locked", Path: arg, Message: "it is in no plugins.lock; looked at " + strings.Join(paths, " and "), Suggestion: hint,
	}}
}

// Compare says where the plugin's hash is not what it should be.
func (p Policy) Compare(id ID, arg, sum string) []problem.Problem {
	var problems []problem.Problem
	if p.Sum != "" && p.Sum != sum {
		problems = append(problems, problem.Problem{
			Source: "--plugin-sha256", Path: arg, Message: fmt.Sprintf("its SHA-256 is %s, not %s", sum, p.Sum),
			Suggestion: "it is not the plugin that you meant; nothing of it was started",
		})
	}
	for _, l := range p.Locks {
		for _, e := range l.Entries {
			if !e.is(id, filepath.Dir(l.Path)) || slices.Contains(e.Sums, sum) {
				continue
			}
			problems = append(problems, problem.Problem{
				Source: fmt.Sprintf("%s:%d", l.Path, e.Line), Path: arg,
				Message:    fmt.Sprintf("its SHA-256 is %s, and the one trusted is %s", sum, strings.Join(e.Sums, " or ")),
				Suggestion: "it has changed; nothing of it was started. If you trust it as it is now: kagurazaka trust " + arg,
			})
		}
	}
	return problems
}
