//go:build cuda && linux

package main

// #include <cuda.h>
import "C"

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gorgonia.org/cu"
)

// cudaDriver asks CUDA's driver through gorgonia.org/cu, and NVML about memory, which CUDA tells only of devices that this process
// has a context on: that takes some hundred megabytes of each and a moment to make.
type cudaDriver struct {
	nvml *nvml
	// handles are what NVML knows devices by, by index.
	handles map[int]uintptr
	// contexts are made where there is no NVML.
	contexts map[int]cu.CUContext
}

// open makes the driver ready. cu's own cuInit, before main, has done nothing yet (docs/design/cuda-agent.md), so that this
// is where a missing driver shows.
func open() (driver, error) {
	switch code := C.cuInit(0); code {
	case C.CUDA_SUCCESS:
	case C.CUDA_ERROR_SHARED_OBJECT_INIT_FAILED:
		return nil, &hintedError{"there is no CUDA driver on this machine: libcuda.so.1 could not be loaded",
			"install NVIDIA's driver (in a container, start it with GPU support), or run with --device cpu"}
	case C.CUDA_ERROR_NO_DEVICE:
		hint := "nvidia-smi should list it; /dev/nvidia* must be there and accessible, or run with --device cpu"
		if visible, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok {
			hint = fmt.Sprintf("CUDA_VISIBLE_DEVICES is %q; ", visible) + hint
		}
		return nil, &hintedError{"the CUDA driver finds no device", hint}
	default:
		return nil, &hintedError{"the CUDA driver does not start: " + explain(code),
			"nvidia-smi shows whether the driver and its kernel module fit together"}
	}
	d := &cudaDriver{handles: map[int]uintptr{}, contexts: map[int]cu.CUContext{}}
	d.nvml, _ = openNVML() // without it, CUDA is asked
	return d, nil
}

// explain is a CUDA error with its name and the driver's own words.
func explain(code C.CUresult) string {
	var name, text *C.char
	C.cuGetErrorName(code, &name)
	C.cuGetErrorString(code, &text)
	if name == nil || text == nil {
		return fmt.Sprintf("CUDA error %d", int(code))
	}
	return fmt.Sprintf("%s (%s)", C.GoString(text), C.GoString(name))
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)*`)

func (d *cudaDriver) version() (driver, cuda string) {
	if v := cu.Version(); v > 0 {
		cuda = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
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

func (*cudaDriver) count() (int, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return 0, fmt.Errorf("the CUDA driver: %w", err)
	}
	return n, nil
}

func (d *cudaDriver) describe(index int) (device, error) {
	handle, err := cu.GetDevice(index)
	if err != nil {
		return device{}, fmt.Errorf("opening it: %w", err)
	}
	var found device
	var name, id, capability, total error
	found.Name, name = handle.Name()
	uuid, id := handle.UUID()
	found.UUID = "GPU-" + uuid.String()
	major, minor, capability := handle.ComputeCapability()
	found.ComputeCapability = fmt.Sprintf("%d.%d", major, minor)
	found.MemoryTotal, total = handle.TotalMem()
	return found, errors.Join(name, id, capability, total)
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
	ctx, made := d.contexts[index]
	if !made {
		handle, err := cu.GetDevice(index)
		if err != nil {
			return 0, 0, fmt.Errorf("opening it: %w", err)
		}
		if ctx, err = handle.RetainPrimaryCtx(); err != nil {
			return 0, 0, fmt.Errorf("making a context on it: %w", err)
		}
		d.contexts[index] = ctx
	}
	// The context is this thread's until the next call here.
	if err := ctx.Lock(); err != nil {
		return 0, 0, fmt.Errorf("its context: %w", err)
	}
	free, total, err := cu.MemInfo()
	if unlocked := ctx.Unlock(); err == nil {
		err = unlocked
	}
	if err != nil {
		return 0, 0, fmt.Errorf("asking for its memory: %w", err)
	}
	return total - free, total, nil
}

func (d *cudaDriver) close() {
	if d.nvml != nil {
		d.nvml.close()
	}
}
