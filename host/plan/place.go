package plan

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// place is the location of an output, by the names in its path alone.
type place uint8

const (
	// inside is below the output folder.
	inside place = iota
	// outside is anywhere else, or the output folder itself.
	outside
	// ours is in one of kagurazaka's own folders.
	ours
)

// placer finds the places of outputs. One goroutine uses it.
type placer struct {
	out *outputs
	// root is the absolute, clean path of the output folder with a slash at its end; followed is the same without links.
	root, followed string
	buf            []byte
}

func newPlacer(out *outputs, store FS) (*placer, error) {
	root, err := filepath.Abs(out.root)
	if err != nil {
		return nil, err
	}
	followed, err := realPath(store, root)
	if err != nil {
		// The folder cannot be examined, so only its name counts.
		followed = root
	}
	return &placer{out: out, root: template.Join(root, ""), followed: template.Join(followed, "")}, nil
}

// find returns the place of an item's output, and a key that two items share if and only if they have one output: the clean path,
// below the output folder relative to it. The key is valid until the next call.
func (p *placer) find(in triplet) (string, place) {
	b := p.buf[:0]
	absolute := strings.HasPrefix(in.FileName, "/")
	if !absolute && in.RelDir != "" && in.RelDir != "." {
		absolute = in.RelDir[0] == '/'
		b = append(append(b, in.RelDir...), '/')
	}
	if p.out.Kind == template.InTar {
		// Two items share a sample whatever their names in the spool are.
		b = append(b, in.FileName...)
		_, at := p.locate(string(b), absolute)
		return p.out.sample(in), at
	}
	b = p.out.appendName(b, in.FileName)
	p.buf = b
	return p.locate(unsafeString(b), absolute)
}

// locate returns a path as a key, and its place. It is relative to the output folder unless it is absolute.
func (p *placer) locate(file string, absolute bool) (string, place) {
	file = path.Clean(file)
	if !absolute && file != "." && filepath.IsLocal(file) {
		return file, placeOf(file, inside)
	}
	if !absolute {
		file = path.Clean(p.root + file)
	}
	for _, root := range []string{p.root, p.followed} {
		if rel, ok := strings.CutPrefix(file, root); ok && rel != "" {
			return rel, placeOf(rel, inside)
		}
	}
	return file, placeOf(file, outside)
}

// placeOf returns ours for a path in one of kagurazaka's own folders, and the other place for the rest.
func placeOf(file string, other place) place {
	if strings.Contains(file, template.JournalFolder) && slices.ContainsFunc(strings.Split(file, "/"), template.IsOurs) {
		return ours
	}
	return other
}

// leadsUp reports whether a mode of kagurazaka 0.1.1 could have written a line whose output lies outside: one that lists above its input
// folder. Then rel_dir leads from some folder to the file.
func leadsUp(in triplet) bool {
	rest := in.RelDir
	for rest == ".." || strings.HasPrefix(rest, "../") {
		rest = strings.TrimPrefix(rest[2:], "/")
	}
	if rest == in.RelDir || rest != "" && !isClean(rest) {
		return false
	}
	abs, err := filepath.Abs(in.Path)
	if err != nil {
		return false
	}
	dir, name := filepath.Split(abs)
	return name == in.FileName && name != "" && (rest == "" || strings.HasSuffix(dir, "/"+rest+"/"))
}

// refusal returns why an item with its output in this place must not begin; empty: it may begin.
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
