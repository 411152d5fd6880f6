//go:build amd64 || arm64

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
)

// nvml is NVIDIA's management library, which comes with every driver. It tells of devices without making a context on them.
type nvml struct {
	byUUID, memoryInfo, systemVersion, errorText, shutdown uintptr
}

func openNVML() (*nvml, error) {
	library, err := purego.Dlopen("libnvidia-ml.so.1", purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	var n nvml
	var start uintptr
	for name, at := range map[string]*uintptr{
		"nvmlInit_v2": &start, "nvmlShutdown": &n.shutdown, "nvmlErrorString": &n.errorText, "nvmlDeviceGetHandleByUUID": &n.byUUID,
		"nvmlDeviceGetMemoryInfo": &n.memoryInfo, "nvmlSystemGetDriverVersion": &n.systemVersion,
	} {
		if *at, err = purego.Dlsym(library, name); err != nil {
			return nil, err
		}
	}
	if rc, _, _ := purego.SyscallN(start); uint32(rc) != 0 {
		return nil, n.fault(rc)
	}
	return &n, nil
}

// fault is an answer other than success as an error; "GPU is lost" is one of them.
func (n *nvml) fault(rc uintptr) error {
	if uint32(rc) == 0 {
		return nil
	}
	text, _, _ := purego.SyscallN(n.errorText, rc)
	return fmt.Errorf("NVML: %s (error %d)", cmp.Or(dynlib.String(text), "unknown error"), uint32(rc))
}

func (n *nvml) driverVersion() (string, error) {
	version := new([96]byte)
	rc, _, _ := purego.SyscallN(n.systemVersion, uintptr(unsafe.Pointer(version)), uintptr(len(version)))
	return text(version[:]), n.fault(rc)
}

// text is what a library has written to a buffer, up to the first zero.
func text(buffer []byte) string {
	found, _, _ := bytes.Cut(buffer, []byte{0})
	return string(found)
}

// device returns what the library knows a device by.
func (n *nvml) device(uuid string) (uintptr, error) {
	name := append([]byte(uuid), 0)
	handle := new(uintptr)
	rc, _, _ := purego.SyscallN(n.byUUID, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(handle)))
	runtime.KeepAlive(name)
	return *handle, n.fault(rc)
}

func (n *nvml) memory(device uintptr) (used, total int64, err error) {
	info := new([3]uint64) // total, free, used
	rc, _, _ := purego.SyscallN(n.memoryInfo, device, uintptr(unsafe.Pointer(info)))
	return int64(info[0] - info[1]), int64(info[0]), n.fault(rc)
}

func (n *nvml) close() { purego.SyscallN(n.shutdown) }
