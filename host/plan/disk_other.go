//go:build !linux

package plan

import (
	"os"
	"time"

	"github.com/kagurazaka/kagurazaka/host/template"
)

func readDisk(dir *os.File, list *nameList) error { return readAny(dir, list) }

func examineDisk(dir *os.File, name string) (size int64, written time.Time, err error) {
	info, err := os.Stat(template.Join(dir.Name(), name))
	if err != nil {
		return 0, time.Time{}, err
	}
	return info.Size(), info.ModTime(), nil
}

func statDisk(dir *os.File, name string, follow bool) (fileKind, fileID, error) {
	if dir != nil {
		name = template.Join(dir.Name(), name)
	}
	return statAny(localDisk{}, name, follow)
}
