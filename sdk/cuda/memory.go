package cuda

import (
	"fmt"
	"unsafe"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

func init() { stage.Open = openDevice }

// View returns bytes as elements of T, for a Tensor's Data or a Buffer's Host. It panics if they are not whole elements,
// or not aligned.
func View[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64](b []byte) []T {
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

// Raw returns the memory of an array as bytes, for a Tensor's Data.
func Raw[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// openDevice opens cpu, cuda or cuda:N.
func openDevice(name string) (stage.Backend, error) {
	if name == "cpu" {
		return &cpu{}, nil
	}
	var index int
	if name == "cuda" {
		name = "cuda:0"
	}
	if n, err := fmt.Sscanf(name, "cuda:%d", &index); n != 1 || err != nil || fmt.Sprintf("cuda:%d", index) != name {
		return nil, fmt.Errorf("no device %q: must be cpu or cuda:N", name)
	}
	return openCUDA(index)
}
