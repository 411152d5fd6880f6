package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseNormalize reads the mean and the deviation of the three channels, for values from 0 to 1: "imagenet", or
// "R,G,B/R,G,B".
func ParseNormalize(text string) (scale [3][2]float32, err error) {
	if text == "imagenet" {
		text = "0.485,0.456,0.406/0.229,0.224,0.225"
	}
	bad := fmt.Errorf("%q is not a mean and deviation: give imagenet, or six numbers as R,G,B/R,G,B, for values from 0 to 1", text)
	means, deviations, _ := strings.Cut(text, "/")
	m, s := strings.Split(means, ","), strings.Split(deviations, ",")
	if len(m) != 3 || len(s) != 3 {
		return scale, bad
	}
	for c := range 3 {
		mean, err1 := strconv.ParseFloat(strings.TrimSpace(m[c]), 64)
		deviation, err2 := strconv.ParseFloat(strings.TrimSpace(s[c]), 64)
		if err1 != nil || err2 != nil {
			return scale, bad
		}
		if !(deviation > 0) || mean-mean != 0 || deviation-deviation != 0 {
			return scale, fmt.Errorf("%q: a deviation must be above 0, and all numbers finite", text)
		}
		scale[c] = [2]float32{float32(1 / (255 * deviation)), float32(-mean / deviation)}
	}
	return scale, nil
}
