// Command kagurazaka-cuda-agent lists a machine's CUDA devices, and watches them while a run uses them. The host finds it beside its
// own executable, and reads JSON from its standard output. It loads the driver's libraries when it runs, so that it is built without
// CUDA and starts on any machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/internal/gpureport"
)

const usage = `kagurazaka-cuda-agent tells the kagurazaka command about CUDA devices.

  kagurazaka-cuda-agent list                                  one JSON object: the driver and every device
  kagurazaka-cuda-agent watch [--devices 0,1] [--interval 1s] a JSON line per interval, until standard input ends
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, open))
}

// run returns the exit status: 0 done, 1 no driver or no answer from it, 2 wrong command line.
func run(args []string, in io.Reader, out, errs io.Writer, open func() (driver, error)) int {
	var command func(driver) error
	switch {
	case len(args) == 1 && args[0] == "list":
		command = func(d driver) error { return list(out, d) }
	case len(args) > 0 && args[0] == "watch":
		o, err := watchOptions(args[1:])
		if err != nil {
			fmt.Fprintf(errs, "%v\n\n%s", err, usage)
			return 2
		}
		command = func(d driver) error {
			ticks := time.NewTicker(o.interval)
			defer ticks.Stop()
			return watch(untilEnd(in), out, d, o.devices, ticks.C)
		}
	default:
		fmt.Fprint(errs, usage)
		return 2
	}
	d, err := open()
	if err == nil {
		err = command(d)
		d.close()
	}
	if err != nil {
		answer := gpureport.Failure{Error: err.Error()}
		var hinted *hintedError
		if errors.As(err, &hinted) {
			answer.Hint = hinted.hint
		}
		_ = json.NewEncoder(out).Encode(answer)
		return 1
	}
	return 0
}

// hintedError is an error with what to do about it.
type hintedError struct{ message, hint string }

func (e *hintedError) Error() string { return e.message }

type options struct {
	// devices are the indices to watch; nil: all.
	devices  []int
	interval time.Duration
}

func watchOptions(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	devices := flags.String("devices", "", "")
	flags.DurationVar(&o.interval, "interval", time.Second, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("watch takes no argument %q", flags.Arg(0))
	}
	if o.interval < 10*time.Millisecond {
		return o, fmt.Errorf("--interval is %s; it must be at least 10ms", o.interval)
	}
	for text := range strings.SplitSeq(*devices, ",") {
		if text == "" {
			continue
		}
		index, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || index < 0 {
			return o, fmt.Errorf("--devices takes numbers with commas between them, and %q is none", text)
		}
		o.devices = append(o.devices, index)
	}
	return o, nil
}

// untilEnd returns a context that ends with standard input: the host holds its other end.
func untilEnd(in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	return ctx
}
