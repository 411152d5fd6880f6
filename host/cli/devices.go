package cli

import (
	"strings"
)

// deviceList is what a --device names, without asking the machine: "all" is none.
func deviceList(device string) []string {
	switch device {
	case "cuda":
		return []string{"cuda:0"}
	case "all":
		return nil
	case "cpu":
		return []string{"cpu"}
	}
	var out []string
	for n := range strings.SplitSeq(strings.TrimPrefix(device, "cuda:"), ",") {
		out = append(out, "cuda:"+n)
	}
	return out
}
