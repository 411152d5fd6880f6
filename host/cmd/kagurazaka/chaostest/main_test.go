package chaostest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

const root = "../../../.."

// hostBinary and plugins are what TestMain has built.
var hostBinary, plugins string

func TestMain(m *testing.M) {
	os.Exit(hosttest.Main(m, root, func(dir string) {
		hostBinary, plugins = filepath.Join(dir, "bin", "kagurazaka"), filepath.Join(dir, "plugins")
	}))
}
