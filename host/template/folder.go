package template

import (
	"bytes"
	"errors"
	"math"
)

// StagingFolder is the name of the folder, directly below the output path, in which workers write outputs before they
// are committed. It is no input and no output.
const StagingFolder = ".kagurazaka-staging"

// JournalFolder is the name of the folder beside it that says which outputs are unfinished. It is no input and no output,
// either.
const JournalFolder = ".kagurazaka"

// isOurs reports whether a folder's name is that of one that kagurazaka keeps for itself.
func isOurs(name []byte) bool {
	return bytes.HasPrefix(name, []byte(JournalFolder)) && (len(name) == len(JournalFolder) || string(name) == StagingFolder)
}

// maxFolderText is how many bytes the names of one folder may have together: offsets have 32 bits.
const maxFolderText = math.MaxUint32 - 1<<16

var errTooBig = errors.New("the folder's names have more than 4 GiB together")
