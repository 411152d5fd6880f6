//go:build !linux

package plan

import (
	"os"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func readDisk(dir *os.File, list *nameList) error { return readAny(dir, list) }

func statDisk(dir *os.File, name string, follow bool) (fileKind, fileID, error) {
	if dir != nil {
		name = template.Join(dir.Name(), name)
	}
	return statAny(localDisk{}, name, follow)
}
