package template

import (
	"bytes"
	"path"
	"strings"
)

// StagingFolder is the name of the folder, directly below the output path, in which workers write outputs before they
// are committed. It is neither an input nor an output.
const StagingFolder = ".kagurazaka-staging"

// JournalFolder is the name of the folder beside it that says which outputs are unfinished. It is neither an input nor an output,
// either.
const JournalFolder = ".kagurazaka"

// OutputState is what a journal says of an output that exists.
type OutputState int

const (
	// OutputWhole says that no run has begun it without finishing it.
	OutputWhole OutputState = iota
	// OutputUnfinished says that who had begun it failed, or died.
	OutputUnfinished
	// OutputOpen says that somebody else is working on it.
	OutputOpen
	// OutputMissing is the state of an output that does not exist. No journal returns it.
	OutputMissing
)

// Relative is what a path below a root is called in a journal: the rest behind the root, cleaned; the whole path, cleaned, where
// it does not begin with the root.
func Relative(root, file string) string {
	if rest, ok := strings.CutPrefix(file, Join(root, "")); ok {
		return path.Clean(strings.TrimLeft(rest, "/"))
	}
	return path.Clean(file)
}

// Folder is the folder of a path in a journal.
func Folder(rel []byte) []byte { return rel[:max(bytes.LastIndexByte(rel, '/'), 0)] }

// Join puts the parts of a path together as Python's os.path does: an absolute part replaces all before it. Tasks see paths,
// so nothing is normalised: IN/./a.jpg.
func Join(first string, parts ...string) string {
	joined := first
	for _, p := range parts {
		switch {
		case strings.HasPrefix(p, "/"):
			joined = p
		case joined == "" || strings.HasSuffix(joined, "/"):
			joined += p
		default:
			joined += "/" + p
		}
	}
	return joined
}
