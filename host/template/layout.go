package template

import (
	"bytes"
	"path"
	"strings"
)

// These folders lie directly below the output path. They are neither inputs nor outputs.
const (
	// StagingFolder is the name of the folder in which workers write outputs before they are committed.
	StagingFolder = ".kagurazaka-staging"
	// JournalFolder is the name of the folder that names unfinished outputs.
	JournalFolder = ".kagurazaka"
	// SpoolFolder is the name of the folder in which samples lie until they are packed into a tar archive.
	SpoolFolder = ".kagurazaka-tar"
)

// IsOurs reports whether a name is that of one of these folders.
func IsOurs(name string) bool {
	return name == JournalFolder || name == StagingFolder || name == SpoolFolder
}

// OutputState is the state of an output, as far as a journal knows it.
type OutputState int

const (
	// OutputWhole is the state of an output that every run which began it has finished.
	OutputWhole OutputState = iota
	// OutputUnfinished is the state of an output whose worker failed or died.
	OutputUnfinished
	// OutputOpen is the state of an output that another run is working on.
	OutputOpen
	// OutputOutdated is the state of an output that is whole, and is made again because its input is newer. No journal returns it.
	OutputOutdated
	// OutputMissing is the state of an output that does not exist. No journal returns it.
	OutputMissing
)

// Relative returns the clean path of an output as a journal has it: relative to the root, if the path begins with the root.
func Relative(root, file string) string {
	if rest, ok := strings.CutPrefix(file, Join(root, "")); ok {
		return path.Clean(strings.TrimLeft(rest, "/"))
	}
	return path.Clean(file)
}

// Folder is the folder of a path in a journal.
func Folder(rel []byte) []byte { return rel[:max(bytes.LastIndexByte(rel, '/'), 0)] }

// Join joins the parts of a path as Python's os.path does: an absolute part replaces all before it. Tasks see these paths,
// so they are not cleaned: IN/./a.jpg.
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
