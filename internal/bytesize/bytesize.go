// Package bytesize reads sizes as people write them: 800M, 4GiB.
package bytesize

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Parse reads a number of bytes with one of the suffixes K, M, G and T, powers of 1024, which B or iB may follow.
func Parse(text string) (int64, error) {
	number := strings.ToUpper(strings.TrimSpace(text))
	number = strings.TrimSuffix(strings.TrimSuffix(number, "B"), "I")
	shift := 0
	if n := len(number); n > 0 {
		if i := strings.IndexByte("KMGT", number[n-1]); i >= 0 {
			number, shift = number[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	v *= float64(int64(1) << shift)
	if err != nil || !(v >= 0 && v < math.MaxInt64) {
		return 0, errors.New("must be a number of bytes, such as 800M or 4G")
	}
	return int64(v), nil
}
