package trust

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/yamldoc"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

const (
	lockName    = "plugins.lock"
	lockVersion = "1"
	// maxLock bounds the size of a lock, which has some hundred bytes a plugin.
	maxLock = 4 << 20
	heading = "Which plugins may run, by path or name, and the SHA-256 of each. Written by: kagurazaka trust PLUGIN"
)

// Lock is a plugins.lock: it pins plugins, by path or name, to hashes.
type Lock struct {
	Path string
	// Entries are in the order of their keys.
	Entries []Entry
	// Doubt is the reason why another user may have written the lock; empty: none. Such a lock can refuse plugins, but not vouch
	// for them.
	Doubt string
}

// Entry is one plugin of a lock.
type Entry struct {
	// Key is the plugin's name, or its path with a slash in it. A relative path starts at the lock's folder.
	Key string
	// Sums are the allowed hashes. A lock for several machines may have several.
	Sums []string
	// Line is the entry's line in the file; 0: none yet.
	Line int
	// above and behind are the comments above the entry and at the end of its line.
	above, behind string
}

// ReadLock reads a lock. A missing file is an empty lock. A file that cannot be read is a problem.
func ReadLock(path string) (*Lock, []problem.Problem) {
	l := &Lock{Path: path}
	unread := func(err error) (*Lock, []problem.Problem) {
		return l, []problem.Problem{{
			Source: path, Message: "it cannot be read: " + regular.Cause(err).Error(), Suggestion: "remove it, or run where it is not found",
		}}
	}
	data, doubt, err := ReadFile(path, maxLock)
	switch {
	// Its folder is a file: HOME=/dev/null.
	case errors.Is(err, syscall.ENOTDIR):
		return l, nil
	case errors.Is(err, errEveryone):
		return l, []problem.Problem{{Source: path, Message: err.Error(), Suggestion: "chmod o-w " + path}}
	case errors.Is(err, fs.ErrNotExist):
		target, linkErr := os.Readlink(path)
		if linkErr != nil {
			return l, nil
		}
		return unread(fmt.Errorf("it is a link to %s, which is not there", target))
	case err != nil:
		return unread(err)
	}
	l, problems := parseLock(path, data)
	l.Doubt = doubt
	return l, problems
}

// writeAgain is the suggestion for a lock that is not valid.
const writeAgain = "write it again: kagurazaka trust PLUGIN"

type lockReader struct{ yamldoc.Reader }

func parseLock(path string, data []byte) (*Lock, []problem.Problem) {
	r := &lockReader{yamldoc.Reader{Path: path}}
	l := &Lock{Path: path}
	if len(data) > maxLock {
		r.Complain(0, "", fmt.Sprintf("it is longer than %d MiB", maxLock>>20), "it is not a plugins.lock")
		return l, r.Problems
	}
	if !utf8.Valid(data) {
		r.Complain(0, "", "it is not UTF-8 text", writeAgain)
		return l, r.Problems
	}
	if top := r.Document(data); top != nil {
		r.read(l, top)
	}
	return l, r.Problems
}

func (r *lockReader) read(l *Lock, top *yaml.Node) {
	version := false
	isMap := r.Map(top, "", func(key, value *yaml.Node) {
		switch key.Value {
		case "version":
			version = true
			if value.Kind != yaml.ScalarNode || value.Value != lockVersion {
				r.Complain(value.Line, "version", fmt.Sprintf("this host knows version %s of this file", lockVersion), "use a newer host, or "+writeAgain)
			}
		case "plugins":
			r.plugins(l, value)
		default:
			r.Complain(key.Line, key.Value, "unknown key", cmp.Or(problem.Near(key.Value, []string{"version", "plugins"}), "a lock has version and plugins"))
		}
	})
	switch {
	case !isMap:
		r.Complain(top.Line, "", "must be a map with version: and plugins:", writeAgain)
	case !version:
		r.Complain(top.Line, "version", "it is missing", "write version: "+lockVersion)
	}
}

func (r *lockReader) plugins(l *Lock, n *yaml.Node) {
	if yamldoc.IsNull(n) {
		return
	}
	isMap := r.Map(n, "", func(key, value *yaml.Node) {
		if key.Kind != yaml.ScalarNode || key.Value == "" {
			r.Complain(key.Line, "plugins", "a plugin's path or name must be text", "")
			return
		}
		l.Entries = append(l.Entries, Entry{
			Key: key.Value, Sums: r.sums(key.Value, value), Line: key.Line, above: key.HeadComment, behind: value.LineComment,
		})
	})
	if !isMap {
		r.Complain(n.Line, "plugins", "must be a map from paths or names to hashes", "")
	}
	l.sort()
}

func (r *lockReader) sums(key string, n *yaml.Node) []string {
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	var sums []string
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			r.Complain(v.Line, key, "must be a SHA-256, or a list of them", "")
			continue
		}
		sum, err := ParseSum(v.Value)
		if err != nil {
			r.Complain(v.Line, key, err.Error(), "kagurazaka trust "+key+" writes it")
			continue
		}
		if !slices.Contains(sums, sum) {
			sums = append(sums, sum)
		}
	}
	if len(values) == 0 {
		r.Complain(n.Line, key, "the hash is missing", "kagurazaka trust "+key+" writes it")
	}
	return sums
}

func (l *Lock) sort() {
	slices.SortFunc(l.Entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
}

// Set pins a plugin to a hash and returns its former hashes. With also, these stay valid.
func (l *Lock) Set(id ID, sum string, also bool) (key string, before []string, err error) {
	if e := l.Find(id); e != nil {
		before = e.Sums
		if !also {
			e.Sums = []string{sum}
		} else if !slices.Contains(before, sum) {
			e.Sums = append(slices.Clone(before), sum)
		}
		return e.Key, before, nil
	}
	key = id.key(filepath.Dir(l.Path))
	if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return key, nil, fmt.Errorf("%q cannot stand in %s: its name is not a text", key, l.Path)
	}
	l.Entries = append(l.Entries, Entry{Key: key, Sums: []string{sum}})
	l.sort()
	return key, nil, nil
}

// Remove removes a plugin and returns its entry; nil: it is not in the lock.
func (l *Lock) Remove(id ID) *Entry {
	found := l.Find(id)
	if found == nil {
		return nil
	}
	e := *found
	l.Entries = slices.DeleteFunc(l.Entries, func(other Entry) bool { return other.Key == e.Key })
	return &e
}

// text is the content of the lock's file: in the order of the keys, a line a hash.
func (l *Lock) text() ([]byte, error) {
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	plugins := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range l.Entries {
		key, value := text(e.Key), text(e.Sums[0])
		key.HeadComment, value.LineComment = e.above, e.behind
		if len(e.Sums) > 1 {
			value = &yaml.Node{Kind: yaml.SequenceNode}
			for _, sum := range e.Sums {
				value.Content = append(value.Content, text(sum))
			}
		}
		plugins.Content = append(plugins.Content, key, value)
	}
	top := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "version", HeadComment: "# " + heading},
		{Kind: yaml.ScalarNode, Tag: "!!int", Value: lockVersion},
		{Kind: yaml.ScalarNode, Value: "plugins"}, plugins,
	}}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(top); err != nil {
		return nil, fmt.Errorf("writing %s: %w", l.Path, err)
	}
	return b.Bytes(), e.Close()
}

// Update reads a lock, calls change with it, and writes it. Another Update waits. Readers find the old file or the new one, also
// after a crash.
func Update(path string, change func(*Lock) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = folder.Close() }()
	// Lock the folder, since the file is replaced. File systems without locks (some NFS) are not protected.
	_ = filelock.Lock(folder)
	l, problems := ReadLock(path)
	if err := problem.Err(problems); err != nil {
		return err
	}
	if err := change(l); err != nil {
		return err
	}
	text, err := l.text()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	// Replace the target of a link, not the link.
	target := path
	if leadsTo, err := filepath.EvalSymlinks(path); err == nil {
		target = leadsTo
	}
	if err := atomicfile.Write(target, text, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
