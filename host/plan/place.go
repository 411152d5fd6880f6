package plan

import (
	"bytes"
	"fmt"
	"path"
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

func newPlacer(out *outputs, s store) (*placer, error) {
	root, err := filepath.Abs(out.root)
	if err != nil {
		return nil, err
	}
	followed, err := realPath(s, root)
	if err != nil {
		// The folder cannot be looked at: then its name is all there is.
		followed = root
	}
	return &placer{out: out, root: prefix(root), followed: prefix(followed)}, nil
}

// find returns where an item's output lies, and a key that two items share if and only if they have one output: the
// cleaned path, below the output folder relative to it. The key is valid until the next call.
func (p *placer) find(in triplet) ([]byte, place) {
	b := p.buf[:0]
	absolute := strings.HasPrefix(in.FileName, "/")
	if !absolute && in.RelDir != "" && in.RelDir != "." {
		absolute = in.RelDir[0] == '/'
		b = append(append(b, in.RelDir...), '/')
	}
	b = p.out.appendName(b, in.FileName)
	p.buf = b
	if !absolute {
		if key, up := cleaned(b); !up && len(key) > 0 {
			return key, p.within(key)
		}
	}
	return p.elsewhere(string(b), absolute)
}

// elsewhere is find for what does not simply lie below the output folder.
func (p *placer) elsewhere(file string, absolute bool) ([]byte, place) {
	if !absolute {
		file = p.root + file
	}
	file = filepath.Clean(file)
	for _, root := range []string{p.root, p.followed} {
		if rel, ok := strings.CutPrefix(file, root); ok && rel != "" {
			return []byte(rel), p.within([]byte(rel))
		}
	}
	if p.within([]byte(file)) == ours {
		return []byte(file), ours
	}
	return []byte(file), outside
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

// cleaned returns a relative path without empty names, "." and "name/..". up: it begins with "..".
func cleaned(p []byte) (clean []byte, up bool) {
	if isClean(p) {
		return p, false
	}
	switch clean := path.Clean(string(p)); {
	case clean == ".":
		return nil, false
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return nil, true
	default:
		return []byte(clean), false
	}
}

// isClean reports whether no name of a path is empty, "." or "..".
func isClean(p []byte) bool {
	from := 0
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		if name := p[from:i]; len(name) == 0 || name[0] == '.' && (len(name) == 1 || len(name) == 2 && name[1] == '.') {
			return false
		}
		from = i + 1
	}
	return true
}

// leadsUp reports whether a line whose output lies outside is what a mode of kagurazaka 0.1.1 writes, of a listing that
// goes up from its input folder: there is a folder from which rel_dir leads to the file.
func leadsUp(in triplet) bool {
	rest, up := in.RelDir, false
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
	abs, err := filepath.Abs(in.Path)
	if err != nil {
		return false
	}
	dir, name := filepath.Split(abs)
	return name == in.FileName && name != "" && (rest == "" || strings.HasSuffix(dir, "/"+rest+"/"))
}

// refusal returns why an item must not be begun whose output is not below the output folder; empty: it may.
func (o *outputs) refusal(p Policy, at place, in triplet) string {
	switch {
	case at == inside || at == outside && (p.OutputsOutside || leadsUp(in)):
		return ""
	case at == ours:
		return fmt.Sprintf("its output %s would lie in a folder that kagurazaka keeps for itself", o.of(in).Path)
	}
	return fmt.Sprintf("its output %s would lie outside of the output folder %s; --outputs-outside allows that",
		o.of(in).Path, o.root)
}
