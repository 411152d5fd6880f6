//go:build cuda && linux

package cuda

import (
	"fmt"
	"math"
)

// parameter returns a kernel's argument, in the first of 8 bytes.
func parameter(arg any) (uint64, error) {
	switch v := arg.(type) {
	case *Buffer:
		if v == nil {
			return 0, nil
		}
		return v.Address, nil
	case int32:
		return uint64(uint32(v)), nil
	case uint32:
		return uint64(v), nil
	case int64:
		return uint64(v), nil
	case uint64:
		return v, nil
	case float32:
		return uint64(math.Float32bits(v)), nil
	case float64:
		return math.Float64bits(v), nil
	}
	return 0, fmt.Errorf("must be *Buffer, int32, uint32, int64, uint64, float32 or float64, not %T", arg)
}
