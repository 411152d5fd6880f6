package plan

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pathLines turns the paths of a list into inputs.
type pathLines struct {
	// working is the working folder, and bases are the folders that rel_dir is relative to; absolute paths.
	working string
	bases   []string
	nul     bool
	// far takes the inputs that lie below none of the bases.
	far *remark
}

func newPathLines(folders []string, nul bool, far *remark) (*pathLines, error) {
	working, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	p := &pathLines{working: working, nul: nul, far: far}
	for _, folder := range folders {
		base, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		p.bases = append(p.bases, base)
	}
	return p, nil
}

// relDir is a folder below one of the bases, relative to that.
func (p *pathLines) relDir(dir string) (string, bool) {
	for _, base := range p.bases {
		switch rest, below := strings.CutPrefix(dir, base); {
		case below && rest == "":
			return ".", true
		case below && (rest[0] == '/' || base == "/"):
			return strings.TrimPrefix(rest, "/"), true
		}
	}
	return "", false
}

// trim drops the end of a line.
func (p *pathLines) trim(line []byte) []byte {
	if p.nul {
		return bytes.TrimSuffix(line, []byte{0})
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// input is the input of a line. Its path stays as it is written. An input elsewhere keeps its whole folder below the output folder, so that
// no two have one output.
func (p *pathLines) input(line []byte) (triplet, error) {
	if !p.nul && bytes.IndexByte(line, 0) >= 0 {
		return triplet{}, errors.New("has a zero byte: is it a list for -0 (nul: true)?")
	}
	in := triplet{Path: string(line)}
	if bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("}")) {
		if _, err := os.Lstat(in.Path); err != nil {
			return triplet{}, errors.New("looks like a JSON object, and no such path exists: --manifest reads a list of those, in place of --files-from")
		}
	}
	clean := in.Path
	if !filepath.IsAbs(clean) {
		clean = p.working + "/" + clean
	}
	clean = path.Clean(clean)
	if len(in.Path) > 1 {
		in.Path = in.Path[:1] + strings.TrimRight(in.Path[1:], "/")
	}
	dir, name := split(clean)
	in.FileName = name
	var below bool
	if in.RelDir, below = p.relDir(dir); !below {
		in.RelDir = cmp.Or(strings.TrimPrefix(dir, "/"), ".")
		p.far.add(in.Path)
	}
	if name == "" {
		return in, errors.New("is the root folder, which has no name")
	}
	return in, nil
}
