package plan

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// place is where an output lies, by the names in its path alone.
type place uint8

const (
	// inside is below the output folder.
	inside place = iota
	// outside is anywhere else; the output folder itself is.
	outside
	// ours is in a folder that kagurazaka keeps for itself.
	ours
)

// placer finds out where outputs lie. It is for one goroutine.
type placer struct {
	out *outputs
	// root is the output folder as a cleaned absolute path with a slash at its end; followed is the same without links.
	root, followed string
	buf            []byte
}

func newPlacer(out *outputs) (*placer, error) {
	root, err := filepath.Abs(out.root)
	if err != nil {
		return nil, err
	}
	followed, err := realPath(root)
	if err != nil {
		// The folder cannot be looked at: then its name is all there is.
		followed = root
	}
	return &placer{out: out, root: prefix(root), followed: prefix(followed)}, nil
}

// realPath follows the links in an absolute path, as far as there is something.
func realPath(path string) (string, error) {
	followed, err := filepath.EvalSymlinks(path)
	if err == nil || !isMissing(err) {
		return followed, err
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path, nil
	}
	if followed, err = realPath(parent); err != nil {
		return "", err
	}
	return filepath.Join(followed, filepath.Base(path)), nil
}

// find returns where an item's output lies, and a key that two items share if and only if they have one output: the
// cleaned path, below the output folder relative to it. The key is valid until the next call.
func (p *placer) find(in triplet) ([]byte, place) {
	b := p.buf[:0]
	absolute := strings.HasPrefix(in.fileName, "/")
	if !absolute && in.relDir != "" && in.relDir != "." {
		absolute = in.relDir[0] == '/'
		b = append(append(b, in.relDir...), '/')
	}
	b = p.out.appendName(b, in.fileName)
	p.buf = b
	key, up := cleaned(b)
	if !absolute && !up && len(key) > 0 {
		return key, p.within(key)
	}
	return p.elsewhere(string(b), absolute)
}

// elsewhere is find for what does not simply lie below the output folder.
func (p *placer) elsewhere(path string, absolute bool) ([]byte, place) {
	if !absolute {
		path = p.root + path
	}
	path = filepath.Clean(path)
	for _, root := range []string{p.root, p.followed} {
		if rel, ok := strings.CutPrefix(path, root); ok && rel != "" {
			return []byte(rel), p.within([]byte(rel))
		}
	}
	if p.within([]byte(path)) == ours {
		return []byte(path), ours
	}
	return []byte(path), outside
}

func (p *placer) within(key []byte) place {
	if bytes.Contains(key, []byte(template.JournalFolder)) {
		for name := range bytes.SplitSeq(key, []byte("/")) {
			if isOurs(name) {
				return ours
			}
		}
	}
	return inside
}

// cleaned returns a relative path without empty names, "." and "name/..", as a part of the path or a new one. up: it
// begins with "..", and is not cleaned.
func cleaned(path []byte) (clean []byte, up bool) {
	if isClean(path) {
		return path, false
	}
	out := make([]byte, 0, len(path))
	for name := range bytes.SplitSeq(path, []byte("/")) {
		switch {
		case len(name) == 0 || string(name) == ".":
		case string(name) == "..":
			if len(out) == 0 {
				return nil, true
			}
			out = out[:max(bytes.LastIndexByte(out, '/'), 0)]
		default:
			if len(out) > 0 {
				out = append(out, '/')
			}
			out = append(out, name...)
		}
	}
	return out, false
}

// isClean reports whether no name of a path is empty, "." or "..".
func isClean(path []byte) bool {
	from := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if name := path[from:i]; len(name) == 0 || name[0] == '.' && (len(name) == 1 || len(name) == 2 && name[1] == '.') {
			return false
		}
		from = i + 1
	}
	return true
}

// leadsUp reports whether a line whose output lies outside is what a mode of kagurazaka 0.1.1 writes, of a listing that
// goes up from its input folder: there is a folder from which rel_dir leads to the file.
func leadsUp(in triplet) bool {
	rest, up := in.relDir, false
	for {
		after, ok := strings.CutPrefix(rest, "..")
		if !ok || after != "" && after[0] != '/' {
			break
		}
		rest, up = strings.TrimPrefix(after, "/"), true
	}
	if !up || rest != "" && !isClean([]byte(rest)) {
		return false
	}
	path, err := filepath.Abs(in.path)
	if err != nil {
		return false
	}
	dir, name := filepath.Split(path)
	return name == in.fileName && name != "" && (rest == "" || strings.HasSuffix(dir, "/"+rest+"/"))
}

// refusal returns why an item must not be begun whose output is not below the output folder; empty: it may.
func (o *outputs) refusal(p Policy, at place, in triplet) string {
	switch {
	case at == inside || at == outside && (p.OutputsOutside || leadsUp(in)):
		return ""
	case at == ours:
		return fmt.Sprintf("its output %s would lie in a folder that kagurazaka keeps for itself", o.of(in).path)
	}
	return fmt.Sprintf("its output %s would lie outside of the output folder %s; --outputs-outside allows that",
		o.of(in).path, o.root)
}
