//go:build amd64 || arm64

package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/kagurazaka/kagurazaka/internal/dynlib"
	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// Values of CUDA's driver API (cuda.h).
const (
	cudaNoDevice    = 100
	capabilityMajor = 75
	capabilityMinor = 76
	pciBus          = 33
	pciDevice       = 34
	pciDomain       = 50
)

// cudaDriver asks CUDA's driver, and NVML about memory, which CUDA tells only of devices that this process has a context on: that
// takes some hundred megabytes of each and a moment to make.
type cudaDriver struct {
	functions map[string]uintptr
	nvml      *nvml
	// handles are NVML's, by index.
	handles map[int]uintptr
	// contexts are made where there is no NVML.
	contexts map[int]uintptr
}

// open makes the driver ready.
func open() (driver, error) {
	library, err := purego.Dlopen("libcuda.so.1", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, &hintedError{"there is no CUDA driver on this machine: libcuda.so.1 could not be loaded",
			"install NVIDIA's driver (in a container, start it with GPU support), or run with --device cpu"}
	}
	d := &cudaDriver{functions: map[string]uintptr{}, handles: map[int]uintptr{}, contexts: map[int]uintptr{}}
	for _, name := range []string{
		"cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName",
		"cuDeviceGetUuid", "cuDeviceGetAttribute", "cuDeviceTotalMem", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuMemGetInfo",
	} {
		// Where there is a second version it is the one that cuda.h means.
		at, err := purego.Dlsym(library, name+"_v2")
		if err != nil {
			at, err = purego.Dlsym(library, name)
		}
		if err != nil {
			return nil, &hintedError{"the CUDA driver has no function " + name, "install a newer one"}
		}
		d.functions[name] = at
	}
	switch code := d.do("cuInit", 0); code {
	case 0:
	case cudaNoDevice:
		hint := "nvidia-smi should list it; /dev/nvidia* must be there and accessible, or run with --device cpu"
		if visible, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok {
			hint = fmt.Sprintf("CUDA_VISIBLE_DEVICES is %q; ", visible) + hint
		}
		return nil, &hintedError{"the CUDA driver finds no device", hint}
	default:
		return nil, &hintedError{"the CUDA driver does not start: " + d.explain(code),
			"nvidia-smi shows whether the driver and its kernel module fit together"}
	}
	d.nvml, _ = openNVML() // without it, CUDA is asked
	return d, nil
}

// do calls a function of the driver; 0: it succeeded.
//
//go:uintptrescapes
func (d *cudaDriver) do(name string, args ...uintptr) uintptr {
	code, _, _ := purego.SyscallN(d.functions[name], args...)
	return uintptr(uint32(code))
}

// call is do with an error.
//
//go:uintptrescapes
func (d *cudaDriver) call(name string, args ...uintptr) error {
	if code := d.do(name, args...); code != 0 {
		return fmt.Errorf("%s: %s", name, d.explain(code))
	}
	return nil
}

// explain is a CUDA error with its name and the driver's own words.
func (d *cudaDriver) explain(code uintptr) string {
	name, text := new(uintptr), new(uintptr)
	if d.do("cuGetErrorName", code, uintptr(unsafe.Pointer(name))) != 0 || d.do("cuGetErrorString", code, uintptr(unsafe.Pointer(text))) != 0 {
		return fmt.Sprintf("CUDA error %d", code)
	}
	return fmt.Sprintf("%s (%s)", dynlib.String(*text), dynlib.String(*name))
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)*`)

func (d *cudaDriver) version() (driver, cuda string) {
	if v := new(int32); d.do("cuDriverGetVersion", uintptr(unsafe.Pointer(v))) == 0 {
		cuda = fmt.Sprintf("%d.%d", *v/1000, *v%1000/10)
	}
	if d.nvml != nil {
		if v, err := d.nvml.driverVersion(); err == nil {
			return v, cuda
		}
	}
	for _, path := range []string{"/sys/module/nvidia/version", "/proc/driver/nvidia/version"} {
		if text, err := os.ReadFile(path); err == nil {
			if v := versionNumber.FindString(strings.TrimSpace(string(text))); v != "" {
				return v, cuda
			}
		}
	}
	return "", cuda
}

func (d *cudaDriver) count() (int, error) {
	n := new(int32)
	err := d.call("cuDeviceGetCount", uintptr(unsafe.Pointer(n)))
	return int(*n), err
}

// handle is what the driver knows a device by.
func (d *cudaDriver) handle(index int) (uintptr, error) {
	h := new(int32)
	err := d.call("cuDeviceGet", uintptr(unsafe.Pointer(h)), uintptr(index))
	return uintptr(*h), err
}

func (d *cudaDriver) describe(index int) (gpureport.Device, error) {
	handle, err := d.handle(index)
	if err != nil {
		return gpureport.Device{}, err
	}
	name, id, major, minor, total := new([256]byte), new([16]byte), new(int32), new(int32), new(uint64)
	bus, slot, domain := new(int32), new(int32), new(int32)
	err = errors.Join(
		d.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(bus)), pciBus, handle),
		d.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(slot)), pciDevice, handle),
		d.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(domain)), pciDomain, handle),
		d.call("cuDeviceGetName", uintptr(unsafe.Pointer(name)), uintptr(len(name)), handle),
		d.call("cuDeviceGetUuid", uintptr(unsafe.Pointer(id)), handle),
		d.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(major)), capabilityMajor, handle),
		d.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(minor)), capabilityMinor, handle),
		d.call("cuDeviceTotalMem", uintptr(unsafe.Pointer(total)), handle),
	)
	return gpureport.Device{
		Name: text(name[:]), UUID: fmt.Sprintf("GPU-%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
		ComputeCapability: fmt.Sprintf("%d.%d", *major, *minor), MemoryTotal: int64(*total), PCI: address(*domain, *bus, *slot),
	}, err
}

// address is a device's place on the PCI bus. Nothing but a bridge is at 0000:00:00.0: there it is not known.
func address(domain, bus, slot int32) string {
	if domain == 0 && bus == 0 && slot == 0 {
		return ""
	}
	return fmt.Sprintf("%04x:%02x:%02x.0", domain, bus, slot)
}

func (d *cudaDriver) memory(index int) (used, total int64, err error) {
	if d.nvml != nil {
		handle, known := d.handles[index]
		if !known {
			found, err := d.describe(index)
			if err == nil {
				handle, err = d.nvml.device(found.UUID)
			}
			known = err == nil
			if known {
				d.handles[index] = handle
			}
		}
		// NVML knows a slice of a GPU (MIG) by another name.
		if known {
			return d.nvml.memory(handle)
		}
	}
	return d.memoryByContext(index)
}

func (d *cudaDriver) memoryByContext(index int) (used, total int64, err error) {
	context, made := d.contexts[index]
	if !made {
		handle, err := d.handle(index)
		if err != nil {
			return 0, 0, err
		}
		at := new(uintptr)
		if err := d.call("cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(at)), handle); err != nil {
			return 0, 0, err
		}
		context = *at
		d.contexts[index] = context
	}
	// A context is current for a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := d.call("cuCtxSetCurrent", context); err != nil {
		return 0, 0, err
	}
	free, all := new(uint64), new(uint64)
	err = d.call("cuMemGetInfo", uintptr(unsafe.Pointer(free)), uintptr(unsafe.Pointer(all)))
	return int64(*all - *free), int64(*all), err
}

func (d *cudaDriver) close() {
	if d.nvml != nil {
		d.nvml.close()
	}
}
