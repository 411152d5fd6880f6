package plan

import (
	"bytes"
	"errors"
	"path"
	"path/filepath"
	"strings"
)

// pathLines turns the paths of a list into inputs.
type pathLines struct {
	// working is the working folder, and base the folder that rel_dir is relative to; absolute paths.
	working, base string
	nul           bool
	// far takes the inputs that do not lie below base.
	far *remark
}

func newPathLines(inputPath string, nul bool, far *remark) (*pathLines, error) {
	working, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	base, err := filepath.Abs(inputPath)
	return &pathLines{working: working, base: base, nul: nul, far: far}, err
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
	switch rest, below := strings.CutPrefix(dir, p.base); {
	case below && rest == "":
		in.RelDir = "."
	case below && (rest[0] == '/' || p.base == "/"):
		in.RelDir = strings.TrimPrefix(rest, "/")
	default:
		in.RelDir = strings.TrimPrefix(dir, "/")
		if in.RelDir == "" {
			in.RelDir = "."
		}
		p.far.add(in.Path)
	}
	if name == "" {
		return in, errors.New("is the root folder, which has no name")
	}
	return in, nil
}
