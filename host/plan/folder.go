package plan

import (
	"bytes"
	"errors"
	"math"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// isOurs reports whether a folder's name is that of one that kagurazaka keeps for itself.
func isOurs(name []byte) bool {
	return bytes.HasPrefix(name, []byte(template.JournalFolder)) && (len(name) == len(template.JournalFolder) || string(name) == template.StagingFolder)
}

// maxFolderText is how many bytes the names of one folder may have together: offsets have 32 bits.
const maxFolderText = math.MaxUint32 - 1<<16

var errTooBig = errors.New("the folder's names have more than 4 GiB together")
