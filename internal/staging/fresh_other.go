//go:build !linux

package staging

import "golang.org/x/sys/unix"

func renameNoReplace(int, string, string) error { return unix.ENOTSUP }
