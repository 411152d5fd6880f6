package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

// fake is a machine with two devices, the second of which falls off the bus.
type fake struct {
	readings int
	closed   bool
}

func (*fake) version() (driver, cuda string) { return "580.95.05", "13.0" }

func (*fake) count() (int, error) { return 2, nil }

func (*fake) describe(index int) (gpureport.Device, error) {
	if index == 1 {
		return gpureport.Device{Name: "NVIDIA H100", MemoryTotal: 80 << 30}, errors.New("it is asleep")
	}
	return gpureport.Device{
		Name: "NVIDIA H200", UUID: "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", ComputeCapability: "9.0", MemoryTotal: 141 << 30, PCI: "0000:3b:00.0",
	}, nil
}

func (f *fake) memory(index int) (used, total int64, err error) {
	f.readings++
	if index == 1 && f.readings > 2 {
		return 0, 0, errors.New("NVML: GPU is lost (error 15)")
	}
	return int64(index+1) << 30, 100 << 30, nil
}

func (f *fake) close() { f.closed = true }

func agent(t *testing.T, in io.Reader, d *fake, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	status = run(args, in, &o, &e, func() (driver, error) {
		if d == nil {
			return nil, &hintedError{"there is no CUDA driver on this machine", "install one"}
		}
		return d, nil
	})
	return status, o.String(), e.String()
}

func TestList(t *testing.T) {
	f := &fake{}
	status, out, errs := agent(t, nil, f, "list")
	want := `{"driver":"580.95.05","cuda":"13.0","devices":[` +
		`{"index":0,"name":"NVIDIA H200","uuid":"GPU-00010203-0405-0607-0809-0a0b0c0d0e0f","compute_capability":"9.0","memory_total":107374182400,"memory_free":106300440576,"pci":"0000:3b:00.0"},` +
		`{"index":1,"name":"NVIDIA H100","uuid":"","compute_capability":"","memory_total":85899345920,"memory_free":0,"error":"it is asleep"}]}` + "\n"
	if status != 0 || out != want || errs != "" || !f.closed {
		t.Errorf("status %d, closed %v\n got %s want %s%s", status, f.closed, out, want, errs)
	}
}

func TestWithoutADriver(t *testing.T) {
	for _, command := range []string{"list", "watch"} {
		status, out, errs := agent(t, strings.NewReader(""), nil, command)
		if want := `{"error":"there is no CUDA driver on this machine","hint":"install one"}` + "\n"; status != 1 || out != want || errs != "" {
			t.Errorf("%s: status %d, %s%s", command, status, out, errs)
		}
	}
}

func TestWatchUntilTheInputEnds(t *testing.T) {
	f := &fake{}
	ticks := make(chan time.Time)
	lines := make(chan string, 1)
	in, end := io.Pipe()
	watched := make(chan error, 1)
	go func() { watched <- watch(untilEnd(in), lineWriter(lines), f, []int{1}, ticks) }()
	first := <-lines
	if !strings.HasSuffix(first, `"devices":[{"index":1,"memory_used":2147483648,"memory_total":107374182400}]}`) || !strings.HasPrefix(first, `{"time":"2`) {
		t.Errorf("first line %s", first)
	}
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	ticks <- at
	<-lines
	ticks <- at
	want := `{"time":"2026-03-01T12:30:00Z","devices":[{"index":1,"memory_used":0,"memory_total":0,"error":"NVML: GPU is lost (error 15)"}]}`
	if got := <-lines; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	_ = end.Close()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}

// lineWriter hands each line on.
type lineWriter chan string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- strings.TrimSuffix(string(line), "\n")
	return len(line), nil
}

func TestWatchNamesADeviceThatIsNotThere(t *testing.T) {
	status, out, _ := agent(t, strings.NewReader(""), &fake{}, "watch", "--devices", "0,7")
	if status != 1 || !strings.Contains(out, "there is no device 7: this machine has 2") || !strings.Contains(out, `"hint"`) {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "kagurazaka-cuda-agent list"},
		{"show", "kagurazaka-cuda-agent list"},
		{"watch --devices 0,x", `"x" is none`},
		{"watch --interval 1ms", "at least 10ms"},
		{"watch 3", `no argument "3"`},
		{"watch --often", "-often"},
	} {
		status, out, errs := agent(t, nil, &fake{}, strings.Fields(c.args)...)
		if status != 2 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %s%s", c.args, status, out, errs)
		}
	}
}
