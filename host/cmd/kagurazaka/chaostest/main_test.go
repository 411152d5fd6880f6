package chaostest

import (
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
	os.Exit(func() int {
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
