package chaostest

import (
	"flag"
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
	// Most of what these tests do is to wait for something that does not come.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(hosttest.Main(m, root, func(dir string) {
		hostBinary, plugins = filepath.Join(dir, "bin", "kagurazaka"), filepath.Join(dir, "plugins")
	}))
}
