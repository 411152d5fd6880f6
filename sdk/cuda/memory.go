package cuda

import (
	"fmt"
	"unsafe"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

func init() { stage.Open = openDevice }

func view[T any](b []byte) []T {
	size := int(unsafe.Sizeof(*new(T)))
	if len(b)%size != 0 {
		panic(fmt.Sprintf("%d bytes are not an array of elements of %d bytes", len(b), size))
	}
	if len(b) == 0 {
		return nil
	}
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(b))); at%uintptr(size) != 0 {
		panic(fmt.Sprintf("an array of elements of %d bytes begins at %#x", size, at))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size)
}

func raw[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// openDevice opens a device by the name that the host gives it.
func openDevice(name string) (stage.Backend, error) {
	if name == "cpu" {
		return &cpu{}, nil
	}
	var index int
	if name == "cuda" {
		name = "cuda:0"
	}
	if n, err := fmt.Sscanf(name, "cuda:%d", &index); n != 1 || err != nil || fmt.Sprintf("cuda:%d", index) != name {
		return nil, fmt.Errorf("there is no device %q: a device is cpu or cuda:N", name)
	}
	return openCUDA(index)
}
