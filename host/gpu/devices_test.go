package gpu

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

func TestDeviceList(t *testing.T) {
	tests := []struct {
		device string
		want   []string
	}{
		{"cuda", []string{"cuda:0"}},
		{"cuda:1", []string{"cuda:1"}},
		{"cuda:0,2", []string{"cuda:0", "cuda:2"}},
		{"cuda:1,01,1", []string{"cuda:1"}},
		{"cpu", []string{"cpu"}},
		{"all", nil},
	}
	for _, tt := range tests {
		if got := Names(tt.device); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.device, got, tt.want)
		}
	}
}

func TestJudgingDevices(t *testing.T) {
	two := gpureport.List{Devices: []gpureport.Device{{Index: 0}, {Index: 1}}}
	none := gpureport.List{Failure: gpureport.Failure{Error: "there is no NVIDIA driver", Hint: "install one"}}
	tests := []struct {
		name    string
		answer  gpureport.List
		devices []string
		seen    bool
		code    int
		want    string
	}{
		{"there", two, []string{"cuda:0", "cuda:1"}, true, 0, ""},
		{"not there", two, []string{"cuda:0", "cuda:7"}, true, exitcode.Usage, "no cuda:7; hint: this machine has cuda:0, cuda:1"},
		{"no driver", none, []string{"cuda:0"}, false, exitcode.Failed, "no NVIDIA driver; hint: install one; --device cpu"},
		{"an agent that knows less than the system", none, []string{"cuda:0"}, true, 0, ""},
		{"a driver without devices", gpureport.List{Driver: "1"}, []string{"cuda:0"}, false, exitcode.Failed, "--device cpu"},
	}
	for _, tt := range tests {
		err := judge(tt.answer, tt.devices, tt.seen)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || exitcode.Of(err) != tt.code {
			t.Errorf("%s: %v, code %d", tt.name, err, exitcode.Of(err))
		}
	}
}

func TestVisibleDevices(t *testing.T) {
	for list, want := range map[string]int{"": 0, "0": 1, "0,1": 2, "GPU-a, GPU-b": 2, "-1": 0, "0,-1,1": 1} {
		t.Setenv("CUDA_VISIBLE_DEVICES", list)
		if got := visibleDevices(); got != want {
			t.Errorf("%q: %d devices, want %d", list, got, want)
		}
	}
}

func TestNodesOfDevices(t *testing.T) {
	told := gpureport.List{Devices: []gpureport.Device{{Index: 0, PCI: "0000:3b:00.0"}, {Index: 1, PCI: "0001:af:00.0"}, {Index: 2}}}
	root := fstest.MapFS{
		"sys/bus/pci/devices/0000:3b:00.0/numa_node": {Data: []byte("1\n")},
		// A machine that does not tell.
		"sys/bus/pci/devices/0001:af:00.0/numa_node": {Data: []byte("-1\n")},
	}
	devices := []string{"cuda:1", "cuda:0", "cuda:2", "cuda:7", CPU}
	if got := nodesOf(told, devices, root); !slices.Equal(got, []int{-1, 1, -1, -1, -1}) {
		t.Errorf("%v are on nodes %v", devices, got)
	}
}
