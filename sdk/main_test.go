package sdk

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// pluginKey makes this test's own executable a plugin: see serve_test.go.
const pluginKey = "KAGURAZAKA_SDK_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(pluginKey) != "" {
		Serve(Task[printer]{Name: "Printer", Summary: "Prints"})
	}
	goleak.VerifyTestMain(m)
}
