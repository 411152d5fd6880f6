package chaostest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

const root = "../../../.."

// hostBinary and plugins are what TestMain has built.
var hostBinary, plugins string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		// Most of what these tests do is to wait for something that does not come.
		if err := flag.Set("test.parallel", "4"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		dir, err := os.MkdirTemp("", "kagurazaka-chaos-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := hosttest.Build(root, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		hostBinary, plugins = filepath.Join(dir, "bin", "kagurazaka"), filepath.Join(dir, "plugins")
		return m.Run()
	}())
}
