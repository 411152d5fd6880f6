//go:build !linux

package plugin

import "syscall"

func changeTime(st *syscall.Stat_t) syscall.Timespec { return st.Ctimespec }
