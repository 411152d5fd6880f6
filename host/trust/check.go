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

// ID is a plugin's identity in a lock.
type ID struct {
	// Name is the bare name of an installed plugin; empty: the plugin was named by its path.
	Name string
	// Path is the absolute path of the plugin's file or folder.
	Path string
}

// key is the plugin's key in a lock of the folder dir.
func (id ID) key(dir string) string {
	if id.Name != "" {
		return id.Name
	}
	if rel, err := filepath.Rel(dir, id.Path); err == nil && filepath.IsLocal(rel) {
		return "./" + rel
	}
	return id.Path
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

// is reports whether an entry of a lock in dir belongs to the plugin.
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

// same reports whether two paths lead to the same file or folder, through links too.
func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	realA, errA := filepath.EvalSymlinks(a)
	realB, errB := filepath.EvalSymlinks(b)
	return errA == nil && errB == nil && realA == realB
}

// Locate returns the locks of a run that starts in dir: the first plugins.lock from there upwards, and the user's own. It goes up
// only as long as others cannot write to the folders. near may not exist yet. user is empty without a configuration folder.
func Locate(dir string) (near, user string) {
	near = filepath.Join(dir, lockName)
	// Others may have made a lock in or above a folder that they can write to.
	for at := dir; at != ""; at, _ = Above(at) {
		path := filepath.Join(at, lockName)
		// If it cannot be looked at, reading it reports why.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			near = path
			break
		}
	}
	if config, err := os.UserConfigDir(); err == nil {
		user = filepath.Join(config, "kagurazaka", lockName)
	}
	return near, user
}

// Policy are the rules for a plugin's hash.
type Policy struct {
	// Locks are the locks of the run. All that have the plugin must agree with it.
	Locks []*Lock
	// Locked requires the plugin in a lock without doubt.
	Locked bool
	// Sum is the hash on the command line; empty: none.
	Sum string
}

// ParseSums reads the hashes on a command line. All must be the same. An empty text, as from a variable that is not set, is an error.
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

// Pinned reports whether the policy has a hash for the plugin.
func (p Policy) Pinned(id ID) bool {
	return p.Sum != "" || slices.ContainsFunc(p.Locks, func(l *Lock) bool { return l.Find(id) != nil })
}

// Unlisted is the problem of a plugin that must be in a lock and is not; nil: none.
func (p Policy) Unlisted(id ID, arg string) []problem.Problem {
	if !p.Locked || slices.ContainsFunc(p.Locks, func(l *Lock) bool { return l.Doubt == "" && l.Find(id) != nil }) {
		return nil
	}
	wrong := problem.Problem{Source: "--locked", Path: arg, Suggestion: "if you trust it as it is: kagurazaka trust " + arg}
	var paths []string
	for _, l := range p.Locks {
		if l.Find(id) != nil {
			wrong.Message = fmt.Sprintf("the entry in %s does not count: %s", l.Path, l.Doubt)
			wrong.Suggestion += " --user"
			return []problem.Problem{wrong}
		}
		paths = append(paths, l.Path)
	}
	wrong.Message = "not found in a plugins.lock; looked at " + strings.Join(paths, " and ")
	return []problem.Problem{wrong}
}

// Compare returns a problem for each hash that differs from the plugin's.
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
